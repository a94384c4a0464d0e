//! The SQL of dead letters.

/// Changes letters of generation `$1`. `$2` to `$7` are what is parked: queue, position, stream, version, name, cause;
/// `$8` to `$10` are what goes: queue, position, and the reason where it is discarded.
pub(super) const CHANGE: &str = "WITH parked AS (
        INSERT INTO es.dead_letters AS d
            (generation, queue, position, stream, version, name, cause, attempts, first_at, last_at)
        SELECT $1, p.queue, p.position, p.stream, p.version, p.name, p.cause,
            CASE WHEN p.cause IS NULL THEN 0 ELSE 1 END, clock_timestamp(), clock_timestamp()
        FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[])
            AS p (queue, position, stream, version, name, cause)
        ON CONFLICT (generation, queue, position) DO UPDATE
            SET cause = excluded.cause, attempts = d.attempts + 1, last_at = excluded.last_at
            WHERE excluded.cause IS NOT NULL
    ), gone AS (
        DELETE FROM es.dead_letters AS d
        USING unnest($8::text[], $9::bigint[]) AS g (queue, position)
        WHERE d.generation = $1 AND d.queue = g.queue AND d.position = g.position
    )
    INSERT INTO es.discarded_letters (name, version, queue, position, reason, discarded_at)
    SELECT o.name, o.version, g.queue, g.position, g.reason, clock_timestamp()
    FROM es.generations AS o CROSS JOIN unnest($8::text[], $9::bigint[], $10::text[]) AS g (queue, position, reason)
    WHERE o.id = $1 AND g.reason IS NOT NULL
    ON CONFLICT (name, version, queue, position) DO NOTHING";

pub(super) const LETTERS: &str =
    "SELECT queue, position, stream, version, name, cause, attempts, first_at, last_at
    FROM es.dead_letters WHERE generation = $1 AND (queue, position) > ($2::text, $3)
    ORDER BY queue, position LIMIT $4";
pub(super) const QUEUES: &str =
    "SELECT DISTINCT queue FROM es.dead_letters WHERE generation = $1 ORDER BY queue";
pub(super) const DISCARDED: &str = "SELECT queue, position, reason, discarded_at
    FROM es.discarded_letters WHERE name = $1 AND version = $2 ORDER BY queue, position";
