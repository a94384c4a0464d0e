//! Generations, their checkpoints, and who may move these.

/// Makes a generation of projection `?1`, `?2` in the state `?3` with `?7` shards, where it does not exist, with a
/// checkpoint for each of the first slices in the JSON array `?8`, which begins at `?9`, `?10`. Then the checkpoints from
/// the slice `?5` on and below `?6`, with whether another than `?4` holds them; none when it is paused or divided in another
/// way.
pub(crate) const BEGIN_AND_FIND: &str = "
    BEGIN IMMEDIATE;
    INSERT INTO generations (name, version, state, shards) SELECT ?1, ?2, ?3, ?7
        WHERE NOT EXISTS (SELECT 1 FROM generations WHERE name = ?1 AND version = ?2 AND state = ?3);
    INSERT INTO checkpoints (generation, first_slice, position, event_id, epoch, lease_until)
        SELECT g.id, s.value, ?9, ?10, 0, 0 FROM generations AS g CROSS JOIN json_each(?8) AS s
        WHERE g.name = ?1 AND g.version = ?2 AND g.state = ?3
            AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE generation = g.id);
    SELECT c.generation, c.first_slice, lead(c.first_slice, 1, ?6) OVER (ORDER BY c.first_slice),
        c.position, c.event_id, c.epoch, c.owner IS NOT NULL AND c.owner <> ?4
            AND c.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
        FROM generations AS g CROSS JOIN checkpoints AS c ON c.generation = g.id
        WHERE g.name = ?1 AND g.version = ?2 AND g.state = ?3 AND NOT g.paused AND g.shards = ?7
            AND c.first_slice >= ?5 AND c.first_slice < ?6 ORDER BY c.first_slice";
/// Makes one checkpoint of those of generation `?1` from the slice `?2` on and below `?3`, and grants it to `?4` for `?5`
/// milliseconds with the epoch `?6`. Whether it is taken over (`?7`): then a halt stays. The latest failure stays.
pub(crate) const GRANT_AND_COMMIT: &str = "
    UPDATE checkpoints SET owner = ?4, lease_until = ?5 + CAST(unixepoch('subsec') * 1000 AS INTEGER), epoch = ?6,
        halt_position = CASE WHEN ?7 THEN halt_position END, halt_cause = CASE WHEN ?7 THEN halt_cause END,
        (failed_at, failure) = (SELECT p.failed_at, p.failure FROM checkpoints AS p
            WHERE p.generation = ?1 AND p.first_slice >= ?2 AND p.first_slice < ?3 ORDER BY p.failed_at DESC LIMIT 1)
        WHERE generation = ?1 AND first_slice = ?2;
    DELETE FROM checkpoints WHERE generation = ?1 AND first_slice > ?2 AND first_slice < ?3;
    COMMIT";
/// Whether acquiring would be a write for nothing: somebody else than `?4` holds a checkpoint from the slice `?5` on and
/// below `?6` and it is not taken over (`?8`), or the generation is paused, or it has not `?7` shards.
pub(crate) const HELD: &str = "
    SELECT 1 FROM generations AS g WHERE g.name = ?1 AND g.version = ?2 AND g.state = ?3
        AND (g.paused OR g.shards <> ?7 OR (NOT ?8 AND EXISTS (SELECT 1 FROM checkpoints AS c
            WHERE c.generation = g.id AND c.first_slice >= ?5 AND c.first_slice < ?6
                AND c.owner <> ?4 AND c.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER))))";

/// Moves the checkpoint of generation `?1` from the slice `?2` on under epoch `?3` from `?4`, `?5` to `?6`, `?7`, and renews
/// the lease of owner `?8` for `?9` milliseconds. No row: fenced.
pub(crate) const BEGIN_AND_MOVE: &str = "
    BEGIN IMMEDIATE;
    UPDATE checkpoints SET position = ?6, event_id = ?7, owner = ?8,
        lease_until = ?9 + CAST(unixepoch('subsec') * 1000 AS INTEGER)
        WHERE generation = ?1 AND first_slice = ?2 AND epoch = ?3 AND position IS ?4 AND event_id IS ?5
            AND coalesce(?6, 0) >= coalesce(position, 0)";
pub(crate) const RELEASE: &str = "
    UPDATE checkpoints SET owner = NULL, lease_until = 0,
        halt_position = CASE WHEN ?6 THEN halt_position ELSE ?4 END,
        halt_cause = CASE WHEN ?6 THEN halt_cause ELSE ?5 END
        WHERE generation = ?1 AND first_slice = ?2 AND epoch = ?3 AND owner IS NOT NULL";
pub(crate) const FAILED: &str = "
    UPDATE checkpoints SET failed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000, failure = ?4
        WHERE generation = ?1 AND first_slice = ?2 AND epoch = ?3";

/// Ends all grants of the generations `g` that a condition is true of. A checkpoint that is merged with others and cut out
/// again has a later epoch than before: all of a generation get the same one here.
macro_rules! end_grants {
    ($which:literal) => {
        concat!(
            "UPDATE checkpoints SET epoch = ended.latest + 1, owner = NULL, lease_until = 0
            FROM (SELECT g.id, max(c.epoch) AS latest
                FROM generations AS g CROSS JOIN checkpoints AS c ON c.generation = g.id
                WHERE ",
            $which,
            " GROUP BY g.id) AS ended WHERE checkpoints.generation = ended.id;"
        )
    };
}

/// Gives generation `?1` a checkpoint for each of the first slices in a JSON array that has none: as the one that has the
/// slice.
macro_rules! cut {
    ($first_slices:literal) => {
        concat!(
            "INSERT INTO checkpoints
            SELECT c.generation, s.value, c.position, c.event_id, c.epoch, NULL, 0, c.halt_position, c.halt_cause,
                    c.failed_at, c.failure
                FROM json_each(",
            $first_slices,
            ") AS s CROSS JOIN checkpoints AS c ON c.generation = ?1 AND c.first_slice = (
                    SELECT max(first_slice) FROM checkpoints WHERE generation = ?1 AND first_slice <= s.value)
                WHERE c.first_slice < s.value;"
        )
    };
}

/// The building generation `?1`, where its checkpoint from the slice `?2` on has the epoch `?3` and is at `?4`, `?5`:
/// whether another one is elsewhere, and whether a stream waits in it; no row: fenced. Then the live one of the same projection: its number,
/// its shards, and how far it has read; a checkpoint whose last row is not in the log is nowhere.
pub(crate) const BEGIN_AND_LOOK_AT_BOTH: &str = "
    BEGIN IMMEDIATE;
    SELECT EXISTS (SELECT 1 FROM checkpoints AS o WHERE o.generation = g.id
            AND (o.position IS NOT ?4 OR o.event_id IS NOT ?5)),
        EXISTS (SELECT 1 FROM dead_letters AS d
            WHERE d.generation = g.id AND d.queue >= 'stream:' AND d.queue < 'stream;')
        FROM generations AS g CROSS JOIN checkpoints AS c ON c.generation = g.id
        WHERE g.id = ?1 AND g.state = 'building'
            AND c.first_slice = ?2 AND c.epoch = ?3 AND c.position IS ?4 AND c.event_id IS ?5;
    SELECT live.id, live.shards, (SELECT coalesce(max(e.position), 0)
            FROM checkpoints AS c CROSS JOIN events AS e ON e.position = c.position AND e.event_id = c.event_id
            WHERE c.generation = live.id)
        FROM generations AS live JOIN generations AS b
        ON b.name = live.name AND b.version = live.version WHERE b.id = ?1 AND live.state = 'live'";
/// Puts generation `?1` in the place of the live one `?2`, paused as that was, and divides it by the JSON array `?3` of
/// first slices. Whether `?4` that is kept, in the place of one that was kept before, or dropped with it.
pub(crate) const SWAP_AND_COMMIT: &str = concat!(
    "UPDATE generations SET paused = coalesce((SELECT paused FROM generations WHERE id = ?2), 0),
        shards = json_array_length(?3) WHERE id = ?1;
    INSERT INTO dropped_generations SELECT g.id FROM generations AS g JOIN generations AS live
        ON live.name = g.name AND live.version = g.version
        WHERE live.id = ?2 AND (g.state = 'kept' OR (g.id = ?2 AND NOT ?4));
    DELETE FROM generations WHERE id IN (SELECT id FROM dropped_generations);
    UPDATE generations SET state = 'kept', paused = 0 WHERE id = ?2;
    UPDATE generations SET state = 'live' WHERE id = ?1;",
    cut!("?3"),
    end_grants!("g.id IN (?1, ?2)"),
    "COMMIT"
);
pub(crate) const SWAP_STATEMENTS: usize = 8;
pub(crate) const DISCARD_AND_COMMIT: &str = "
    INSERT INTO dropped_generations VALUES (?1);
    DELETE FROM generations WHERE id = ?1;
    COMMIT";

/// A generation's number and shards, and whether a stream waits in it.
pub(crate) const BEGIN_AND_LOOK_AT: &str = "
    BEGIN IMMEDIATE;
    SELECT g.id, g.shards, EXISTS (SELECT 1 FROM dead_letters AS d
            WHERE d.generation = g.id AND d.queue >= 'stream:' AND d.queue < 'stream;')
        FROM generations AS g WHERE g.name = ?1 AND g.version = ?2 AND g.state = ?3";
/// Divides generation `?1` by the JSON array `?2` of first slices.
pub(crate) const DIVIDE_AND_COMMIT: &str = concat!(
    "UPDATE generations SET shards = json_array_length(?2) WHERE id = ?1;",
    cut!("?2"),
    end_grants!("g.id = ?1"),
    "COMMIT"
);
pub(crate) const DIVIDE_STATEMENTS: usize = 4;

/// Ends the grants of the live generation, if there is one.
pub(crate) const PAUSE: &str = concat!(
    "BEGIN IMMEDIATE;
    UPDATE generations SET paused = 1 WHERE name = ?1 AND version = ?2 AND state = 'live';",
    end_grants!("g.name = ?1 AND g.version = ?2 AND g.state = 'live'"),
    "COMMIT"
);
pub(crate) const PAUSE_STATEMENTS: usize = 4;
pub(crate) const RESUME: &str = "
    BEGIN IMMEDIATE;
    UPDATE generations SET paused = 0 WHERE name = ?1 AND version = ?2 AND state = 'live';
    UPDATE checkpoints SET halt_position = NULL, halt_cause = NULL WHERE generation
        IN (SELECT id FROM generations WHERE name = ?1 AND version = ?2 AND state = 'live');
    COMMIT";
pub(crate) const RESUME_STATEMENTS: usize = 4;

/// Exchanges the live generation and the kept one, if there is a kept one.
pub(crate) const ROLL_BACK: &str = concat!(
    "BEGIN IMMEDIATE;",
    end_grants!(
        "g.name = ?1 AND g.version = ?2 AND g.state IN ('live', 'kept') AND EXISTS (
            SELECT 1 FROM generations WHERE name = ?1 AND version = ?2 AND state = 'kept')"
    ),
    "UPDATE checkpoints SET halt_position = NULL, halt_cause = NULL WHERE generation
        IN (SELECT id FROM generations WHERE name = ?1 AND version = ?2 AND state = 'kept');
    UPDATE generations SET state = 'swapping' WHERE name = ?1 AND version = ?2 AND state = 'live' AND EXISTS (
        SELECT 1 FROM generations WHERE name = ?1 AND version = ?2 AND state = 'kept');
    UPDATE generations SET state = 'live', paused = coalesce((
            SELECT paused FROM generations WHERE name = ?1 AND version = ?2 AND state = 'swapping'), 0)
        WHERE name = ?1 AND version = ?2 AND state = 'kept';
    UPDATE generations SET state = 'kept', paused = 0 WHERE name = ?1 AND version = ?2 AND state = 'swapping';
    COMMIT"
);
/// The one after which the kept generation is the live one.
pub(crate) const ROLL_BACK_EXCHANGES: usize = 4;
pub(crate) const ROLL_BACK_STATEMENTS: usize = 7;

pub(crate) const DROP_GENERATION: &str = "
    BEGIN IMMEDIATE;
    INSERT INTO dropped_generations
        SELECT id FROM generations WHERE name = ?1 AND version = ?2 AND state = ?3;
    DELETE FROM generations WHERE name = ?1 AND version = ?2 AND state = ?3;
    DELETE FROM projection_tables WHERE generation IN (SELECT id FROM dropped_generations);
    COMMIT";
pub(crate) const DROP_STATEMENTS: usize = 5;
pub(crate) const DROPPED: &str = "SELECT id FROM dropped_generations";
/// Deletes some views of a dropped generation.
pub(crate) const DELETE_DROPPED_VIEWS: &str = "
    DELETE FROM views WHERE generation = ?1
        AND key IN (SELECT key FROM views WHERE generation = ?1 ORDER BY key LIMIT 5000)";
pub(crate) const DELETE_DROPPED_LETTERS: &str = "
    DELETE FROM dead_letters WHERE generation = ?1 AND (queue, position)
        IN (SELECT queue, position FROM dead_letters WHERE generation = ?1 LIMIT 5000)";
pub(crate) const FORGET_DROPPED: &str = "DELETE FROM dropped_generations WHERE id = ?1";

/// All generations, each once for each of its checkpoints.
pub(crate) const GENERATIONS: &str = "
    WITH counted AS MATERIALIZED (SELECT g.*, (SELECT count(*) FROM dead_letters AS d
            WHERE d.generation = g.id AND d.cause IS NOT NULL) AS dead_letters FROM generations AS g)
    SELECT g.id, g.name, g.version, g.state, g.shards, g.paused, g.dead_letters, c.first_slice,
        lead(c.first_slice, 1, 1024) OVER (PARTITION BY g.id ORDER BY c.first_slice), c.position, c.event_id, c.epoch,
        CASE WHEN c.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER) THEN c.owner END,
        c.halt_position, c.halt_cause, c.failed_at, c.failure
    FROM counted AS g CROSS JOIN checkpoints AS c ON c.generation = g.id
    ORDER BY g.name, g.version, g.state DESC, c.first_slice";
