//! The SQL that appends.

/// What decides and writes appends, all in one statement, so that it needs neither a lock nor a second round trip.
///
/// `$1` to `$5` are the appends: stream, expected version (-1 any, -2 exists), command id, the number of the call it
/// belongs to, how many events. `$6` to `$15` are their events: event id, number of its append, its number in the
/// append, stream, name, schema version, correlation, causation, metadata, payload.
///
/// A call is written wholly or not at all, and no other call suffers for it. Positions are drawn in the order of the
/// arrays. Rows are inserted by stream, in the same order in every statement, so that no two statements wait for each
/// other; a unique key decides races, and then nothing at all was written.
macro_rules! append {
    ($guard:literal) => {
        concat!(
            "WITH guard AS MATERIALIZED (",
            $guard,
            "),
asked AS MATERIALIZED (
    SELECT a.place, a.expected, a.command_id, a.call, a.stream, a.events,
        coalesce((SELECT e.version FROM es.events AS e WHERE e.stream = a.stream
            ORDER BY e.version DESC LIMIT 1), 0) AS head,
        coalesce((SELECT true FROM es.commands AS c WHERE c.command_id = a.command_id LIMIT 1), false) AS done,
        CASE WHEN a.events = 0 THEN coalesce((SELECT e.position FROM es.events AS e
            ORDER BY e.position DESC LIMIT 1), 0) END AS log_head
    FROM guard CROSS JOIN unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[])
        WITH ORDINALITY AS a (stream, expected, command_id, call, events, place)
    WHERE guard.below IS NOT NULL
),
stored AS MATERIALIZED (
    SELECT coalesce(array_agg(i.append), '{}') AS appends
    FROM guard CROSS JOIN unnest($6::uuid[], $7::integer[]) AS i (event_id, append)
    WHERE (SELECT true FROM es.events AS e WHERE e.event_id = i.event_id LIMIT 1)
),
judged AS MATERIALIZED (
    SELECT a.*, a.done OR a.place = ANY (s.appends) AS known FROM asked AS a CROSS JOIN stored AS s
),
refused AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT call), '{}') AS calls FROM judged
    WHERE known OR NOT CASE expected WHEN -1 THEN true WHEN -2 THEN head > 0 ELSE head = expected END
),
heads AS MATERIALIZED (
    SELECT array_agg(CASE WHEN j.call <> ALL (r.calls) THEN j.head END ORDER BY j.place) AS of
    FROM judged AS j CROSS JOIN refused AS r
),
placed AS MATERIALIZED (
    SELECT nextval('es.position_seq') AS position, o.* FROM (
        SELECT e.*, h.of[e.append] + e.nth AS version
        FROM heads AS h CROSS JOIN unnest($6::uuid[], $7::integer[], $8::integer[], $9::text[], $10::text[],
            $11::bigint[], $12::uuid[], $13::uuid[], $14::bytea[], $15::bytea[]) WITH ORDINALITY
            AS e (event_id, append, nth, stream, name, schema_version, correlation_id, causation_id, metadata,
                payload, place)
        WHERE h.of[e.append] IS NOT NULL
        ORDER BY e.place OFFSET 0
    ) AS o
),
written AS (
    INSERT INTO es.events (position, version, recorded_at, schema_version, event_id, correlation_id, causation_id,
        stream, name, metadata, payload)
    SELECT position, version, statement_timestamp(), schema_version, event_id, correlation_id, causation_id,
        stream, name, metadata, payload
    FROM placed ORDER BY stream COLLATE \"C\", version
),
recorded AS (
    INSERT INTO es.commands (command_id, stream, version, events, position, recorded_at)
    SELECT j.command_id, j.stream, j.head + j.events, j.events, j.log_head, statement_timestamp()
    FROM judged AS j CROSS JOIN refused AS r
    WHERE j.command_id IS NOT NULL AND j.call <> ALL (r.calls)
    ORDER BY j.command_id COLLATE \"C\"
)
SELECT statement_timestamp(),
    (SELECT calls FROM refused),
    (SELECT array_agg(head ORDER BY place) FROM judged),
    (SELECT array_agg(known ORDER BY place) FROM judged),
    (SELECT array_agg(coalesce(log_head, 0) ORDER BY place) FROM judged),
    (SELECT array_agg(position ORDER BY place) FROM placed)"
        )
    };
}

pub(super) const APPEND: &str = append!("SELECT es.begin_append() AS below");
/// The same in a transaction of the user's own, which must not stay open for ever: `$16` is its idle time-out.
pub(super) const APPEND_IN: &str = append!(
    "SELECT es.begin_append() AS below, set_config('idle_in_transaction_session_timeout', $16::text, true)"
);

/// The same for the commonest calls: each is of one append with events, of no command, and expects a version. Such an
/// append was stored before only where its stream has moved on, so that event ids are looked up for those alone; an id that
/// another stream has taken is found by its unique key, and then nothing at all was written.
///
/// `$1` and `$2` are the appends: stream, expected version. `$3` to `$12` are their events: event id, number of its append,
/// version, stream, name, schema version, correlation, causation, metadata, payload. They come sorted by stream, as their rows
/// are inserted. `$13` is the channel where readers are told, or null.
///
/// Answers when, the version of each stream, the numbers of the appends that were not written although one of their
/// event ids is stored, and the positions.
pub(super) const APPEND_PLAIN: &str = "WITH guard AS MATERIALIZED (SELECT es.begin_append() AS below),
judged AS MATERIALIZED (
    SELECT array_agg(head ORDER BY place) AS heads, array_agg(head = expected ORDER BY place) AS holds FROM (
        SELECT a.place, a.expected, coalesce((SELECT e.version FROM es.events AS e WHERE e.stream = a.stream
            ORDER BY e.version DESC LIMIT 1), 0) AS head
        FROM guard CROSS JOIN unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS a (stream, expected, place)
        WHERE guard.below IS NOT NULL OFFSET 0
    ) AS asked
),
written AS (
    INSERT INTO es.events (position, version, recorded_at, schema_version, event_id, correlation_id, causation_id,
        stream, name, metadata, payload)
    SELECT nextval('es.position_seq'), e.version, statement_timestamp(), e.schema_version, e.event_id, e.correlation_id,
        e.causation_id, e.stream, e.name, e.metadata, e.payload
    FROM judged CROSS JOIN unnest($3::uuid[], $4::integer[], $5::bigint[], $6::text[], $7::text[], $8::bigint[],
        $9::uuid[], $10::uuid[], $11::bytea[], $12::bytea[])
        AS e (event_id, append, version, stream, name, schema_version, correlation_id, causation_id, metadata, payload)
    WHERE judged.holds[e.append]
    RETURNING position
)
SELECT statement_timestamp(), heads,
    CASE WHEN false = ANY (holds) THEN (
        SELECT array_agg(i.append) FROM unnest($3::uuid[], $4::integer[]) AS i (event_id, append)
        WHERE NOT holds[i.append] AND (SELECT true FROM es.events AS e WHERE e.event_id = i.event_id LIMIT 1)) END,
    (SELECT array_agg(position ORDER BY position) FROM written),
    CASE WHEN $13::text IS NOT NULL THEN pg_notify($13, '') END
FROM judged";

/// The same for one event: `$3` to `$9` are the event, without what the append says already, and `$10` is the channel. Without
/// arrays it costs the server a third less. No row: the stream is not where it was expected, and nothing was written.
pub(super) const APPEND_LONE: &str =
    "INSERT INTO es.events (position, version, recorded_at, schema_version, event_id,
    correlation_id, causation_id, stream, name, metadata, payload)
SELECT nextval('es.position_seq'), $2 + 1, statement_timestamp(), $5, $3, $6, $7, $1, $4, $8, $9
FROM es.begin_append() AS below
WHERE below IS NOT NULL AND $2 = coalesce((SELECT e.version FROM es.events AS e WHERE e.stream = $1
    ORDER BY e.version DESC LIMIT 1), 0)
RETURNING statement_timestamp(), position, CASE WHEN $10::text IS NOT NULL THEN pg_notify($10, '') END";
