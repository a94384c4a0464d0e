//! All SQL of this crate.
//!
//! Several statements in one text make one hop to SQLite's thread; parameters are `?1`, `?2`, … counted over the
//! whole text, or `?` in the order of the text. A number that a statement leaves out below its highest one counts as a `?`;
//! where there are more of these in a text than parameters, SQLite is given nulls.

mod generations;

pub(crate) use generations::*;
use std::fmt::Write;
use std::sync::LazyLock;

pub(crate) const SQLITE_VERSION: &str = "SELECT sqlite_version()";
pub(crate) const WHOSE_FILE: &str = "SELECT a.application_id, EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'es_migrations') FROM pragma_application_id() AS a";
pub(crate) const USE_WAL: &str = "PRAGMA journal_mode = WAL";
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
/// `ESql` in ASCII: says whose file it is.
pub(crate) const SIGN: &str = "PRAGMA application_id = 1163096428";
/// The number in [`SIGN`].
pub(crate) const APPLICATION_ID: i64 = 0x4553_716C;
pub(crate) const MAKE_STORE_ID: &str =
    "INSERT INTO store (name, value) VALUES ('id', ?1) ON CONFLICT (name) DO NOTHING";
pub(crate) const STORE_ID: &str = "SELECT value FROM store WHERE name = 'id'";
pub(crate) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
pub(crate) const ROLLBACK: &str = "ROLLBACK";
#[cfg(test)]
pub(crate) const SYNCHRONOUS: &str = "PRAGMA synchronous";

/// Takes the write lock and looks up what deciding needs: the last position, the heads of the streams `?1`, the
/// events with the ids `?2` (hex), and the commands with the ids `?3`, each a JSON array.
pub(crate) const BEGIN_AND_LOOK_UP: &str = "
    BEGIN IMMEDIATE;
    SELECT coalesce(max(position), 0) FROM events;
    SELECT s.value, (SELECT max(version) FROM events WHERE stream = s.value) FROM json_each(?1) AS s;
    SELECT e.event_id, e.stream, e.version, e.position, e.recorded_at
        FROM json_each(?2) AS i CROSS JOIN events AS e ON e.event_id = unhex(i.value);
    SELECT c.command_id, c.stream, c.version, c.events, c.position, c.recorded_at
        FROM json_each(?3) AS i CROSS JOIN commands AS c ON c.command_id = i.value";

const INSERT_EVENTS: &str = "INSERT INTO events (position, stream, version, event_id, name, schema_version,
    recorded_at, correlation_id, causation_id, metadata, payload) VALUES ";
const EVENT_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const INSERT_COMMANDS: &str = "
    INSERT INTO commands (command_id, stream, version, events, position, recorded_at)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?);";

/// Two to this power rows go into the largest statement that inserts.
pub(crate) const ROWS_POWER_MAX: u32 = 8;

/// The statements that insert 1, 2, 4, … rows, so that few texts serve any number of rows.
fn in_powers(text: impl Fn(&str) -> String, row: &str) -> Vec<String> {
    (0..=ROWS_POWER_MAX).map(|power| text(&vec![row; 1 << power].join(", "))).collect()
}

/// Inserts 2^n events.
pub(crate) static EVENTS: LazyLock<Vec<String>> =
    LazyLock::new(|| in_powers(|rows| format!("{INSERT_EVENTS}{rows}"), EVENT_ROW));

/// Inserts 2^n events and commits.
pub(crate) static EVENTS_AND_COMMIT: LazyLock<Vec<String>> =
    LazyLock::new(|| in_powers(|rows| format!("{INSERT_EVENTS}{rows}; COMMIT"), EVENT_ROW));

/// Inserts 2^n events and a JSON array of commands, and commits.
pub(crate) static EVENTS_COMMANDS_AND_COMMIT: LazyLock<Vec<String>> =
    LazyLock::new(|| in_powers(|rows| format!("{INSERT_EVENTS}{rows}; {INSERT_COMMANDS} COMMIT"), EVENT_ROW));

/// Inserts a JSON array of commands and commits.
pub(crate) static COMMANDS_AND_COMMIT: LazyLock<String> =
    LazyLock::new(|| format!("{INSERT_COMMANDS} COMMIT"));
pub(crate) const COMMIT: &str = "COMMIT";

pub(crate) const READ_FORWARDS: &str =
    "SELECT position, event_id, version, name, schema_version, recorded_at,
    correlation_id, causation_id, metadata, payload FROM events
    WHERE stream = ?1 AND version > ?2 AND version <= ?3 ORDER BY version LIMIT ?4";
pub(crate) const READ_BACKWARDS: &str =
    "SELECT position, event_id, version, name, schema_version, recorded_at,
    correlation_id, causation_id, metadata, payload FROM events
    WHERE stream = ?1 AND version > ?2 AND version <= ?3 ORDER BY version DESC LIMIT ?4";
pub(crate) const READ_ALL: &str = "SELECT position, event_id, version, name, schema_version, recorded_at,
    correlation_id, causation_id, metadata, payload, stream FROM events
    WHERE position > ?1 ORDER BY position LIMIT ?2";
pub(crate) const HEAD: &str = "SELECT position, event_id FROM events ORDER BY position DESC LIMIT 1";
pub(crate) const ROW_AT: &str = "SELECT position, event_id FROM events WHERE position = ?1";
pub(crate) const ANSWERED: &str = "SELECT command_id, stream, version, events, position, recorded_at
    FROM commands WHERE command_id = ?1";

/// The events behind `?1` in a window of `?2` positions from the first of them on, as far as they pass a filter of
/// this many categories, names and prefixes; before them the last row of the window, and whether there is one behind
/// it.
///
/// The two statements may see two states of the log: the second one's is later, and the log only grows.
pub(crate) fn read_filtered(categories: usize, names: usize, prefixes: usize) -> String {
    let mut sql = String::from(
        "SELECT e.position, e.event_id, EXISTS (SELECT 1 FROM events WHERE position > e.position) FROM events AS e
            WHERE e.position > ?1 AND e.position < ?2 + (SELECT min(position) FROM events WHERE position > ?1)
            ORDER BY e.position DESC LIMIT 1;
        SELECT position, event_id, version, name, schema_version, recorded_at, correlation_id, causation_id,
            metadata, payload, stream FROM events
            WHERE position > ?1 AND position < ?2 + (SELECT min(position) FROM events WHERE position > ?1)",
    );
    let mut next = 4;
    if categories > 0 {
        sql.push_str(&any_of("instr(stream, ?) = 1", next, categories));
        next += categories;
    }
    if names + prefixes > 0 {
        let exact = terms("name = ?", next, names);
        let under = terms("instr(name, ?) = 1", next + names, prefixes);
        write!(sql, " AND ({})", exact.chain(under).collect::<Vec<_>>().join(" OR "))
            .expect("a string takes all text");
    }
    sql.push_str(" ORDER BY position LIMIT ?3");
    sql
}

fn any_of(term: &'static str, first: usize, count: usize) -> String {
    format!(" AND ({})", terms(term, first, count).collect::<Vec<_>>().join(" OR "))
}

fn terms(term: &'static str, first: usize, count: usize) -> impl Iterator<Item = String> {
    (first..first + count).map(move |number| term.replace('?', &format!("?{number}")))
}

/// The snapshot, if there is one, with 0 in the place of a position, and the events from its version on.
pub(crate) const LOAD: &str = "
    SELECT 0, event_id, version, '', 0, 0, NULL, NULL, NULL, state FROM snapshots
        WHERE stream = ?1 AND schema_version = ?2
    UNION ALL
    SELECT * FROM (SELECT position, event_id, version, name, schema_version, recorded_at, correlation_id,
        causation_id, metadata, payload FROM events
        WHERE stream = ?1 AND version >= coalesce(
            (SELECT version FROM snapshots WHERE stream = ?1 AND schema_version = ?2), 0)
        ORDER BY version LIMIT ?3)";
pub(crate) const SAVE: &str = "
    INSERT INTO snapshots AS s (stream, schema_version, version, event_id, state) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (stream, schema_version) DO UPDATE
        SET version = excluded.version, event_id = excluded.event_id, state = excluded.state
        WHERE excluded.version >= s.version OR NOT EXISTS (SELECT 1 FROM events AS e
            WHERE e.stream = s.stream AND e.version = s.version AND e.event_id = s.event_id)";
/// Behind a stream and a schema version, `?3` and `?4`, of the streams from `?1` on and below `?2`.
pub(crate) const SNAPSHOTS: &str = "
    SELECT stream, schema_version, version, length(state) FROM snapshots
    WHERE stream >= ?1 AND stream < ?2 AND (stream, schema_version) > (?3, ?4)
    ORDER BY stream, schema_version LIMIT ?5";
/// Drops those of a JSON array of streams and schema versions.
pub(crate) const DROP_SNAPSHOTS: &str = "
    DELETE FROM snapshots
    WHERE (stream, schema_version) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?1)) RETURNING 1";

pub(crate) const VIEW: &str =
    "SELECT v.view FROM generations AS g CROSS JOIN views AS v ON v.generation = g.id
    WHERE g.name = ?1 AND g.version = ?2 AND g.state = 'live' AND v.key = ?3";
pub(crate) const VIEWS: &str =
    "SELECT v.key, v.view FROM generations AS g CROSS JOIN views AS v ON v.generation = g.id
    WHERE g.name = ?1 AND g.version = ?2 AND g.state = 'live' AND v.key >= ?3 ORDER BY v.key LIMIT ?4";
pub(crate) const GENERATION_VIEWS: &str =
    "SELECT key, view FROM views WHERE generation = ?1 AND key >= ?2 ORDER BY key LIMIT ?3";
/// The views with the keys of the JSON array `?2`, each with its place in it.
pub(crate) const LOAD_VIEWS: &str = "SELECT k.key, v.view FROM json_each(?2) AS k
    CROSS JOIN views AS v ON v.generation = ?1 AND v.key = k.value";

/// Writes 2^n views.
pub(crate) static WRITE_VIEWS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = |rows: &str| {
        format!(
            "INSERT INTO views (generation, key, view) VALUES {rows}
            ON CONFLICT (generation, key) DO UPDATE SET view = excluded.view"
        )
    };
    in_powers(text, "(?, ?, ?)")
});
/// Deletes the views with the keys of the JSON array `?2`.
pub(crate) const DELETE_VIEWS: &str =
    "DELETE FROM views WHERE generation = ?1 AND key IN (SELECT value FROM json_each(?2))";

/// Parks letters of generation `?1`: a JSON array of rows of queue, position, stream, version, name, cause.
pub(crate) const PARK_LETTERS: &str = "
    INSERT INTO dead_letters AS d
        (generation, queue, position, stream, version, name, cause, attempts, first_at, last_at)
    SELECT ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
        value ->> 5 IS NOT NULL, n.now, n.now
    FROM json_each(?2), (SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000 AS now) AS n WHERE true
    ON CONFLICT (generation, queue, position) DO UPDATE
        SET cause = excluded.cause, attempts = d.attempts + 1, last_at = excluded.last_at
        WHERE excluded.cause IS NOT NULL";
/// Keeps which letters are discarded: a JSON array of rows of queue, position, reason; without a reason they are not.
pub(crate) const DISCARD_LETTERS: &str = "
    INSERT INTO discarded_letters (name, version, queue, position, reason, discarded_at)
    SELECT g.name, g.version, value ->> 0, value ->> 1, value ->> 2,
        CAST(unixepoch('subsec') * 1000 AS INTEGER) * 1000
    FROM generations AS g, json_each(?2) WHERE g.id = ?1 AND value ->> 2 IS NOT NULL
    ON CONFLICT (name, version, queue, position) DO NOTHING";
/// Deletes the letters of the same array.
pub(crate) const DELETE_LETTERS: &str = "
    DELETE FROM dead_letters WHERE generation = ?1
        AND (queue, position) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?2))";
pub(crate) const LETTERS: &str = "
    SELECT queue, position, stream, version, name, cause, attempts, first_at, last_at FROM dead_letters
    WHERE generation = ?1 AND (queue, position) > (?2, ?3) ORDER BY queue, position LIMIT ?4";
pub(crate) const QUEUES: &str =
    "SELECT DISTINCT queue FROM dead_letters WHERE generation = ?1 ORDER BY queue";
pub(crate) const DISCARDED: &str = "
    SELECT queue, position, reason, discarded_at FROM discarded_letters
    WHERE name = ?1 AND version = ?2 ORDER BY queue, position";

/// Which of the names in the JSON array `?1` are tables.
pub(crate) const EXISTING_TABLES: &str =
    "SELECT s.name, t.generation FROM sqlite_schema AS s LEFT JOIN projection_tables AS t ON t.name = s.name
    WHERE s.type IN ('table', 'view') AND s.name IN (SELECT value FROM json_each(?1))";
pub(crate) const OWN_TABLES: &str =
    "INSERT INTO projection_tables (name, generation) SELECT value, ?1 FROM json_each(?2)";
pub(crate) const DISOWN_TABLES: &str = "DELETE FROM projection_tables WHERE generation IN (?1, ?2)";

/// Puts one table in the place of another. Both names have been checked.
pub(crate) fn replace_table(live: &str, building: &str) -> String {
    format!("DROP TABLE IF EXISTS \"{live}\"; ALTER TABLE \"{building}\" RENAME TO \"{live}\";")
}

/// How many rows one table has, how many of them the other has not, and the other way round. Both names have been
/// checked.
pub(crate) fn compare_tables(live: &str, building: &str) -> String {
    format!(
        "SELECT (SELECT count(*) FROM \"{live}\"), (SELECT count(*) FROM \"{building}\"),
            (SELECT count(*) FROM (SELECT * FROM \"{live}\" EXCEPT SELECT * FROM \"{building}\")),
            (SELECT count(*) FROM (SELECT * FROM \"{building}\" EXCEPT SELECT * FROM \"{live}\"))"
    )
}

/// Drops a table whose name has been checked.
pub(crate) fn drop_table(name: &str) -> String {
    format!("DROP TABLE IF EXISTS \"{name}\";")
}
