//! All SQL of this crate, written for the schema `es`; [`Sql`] holds it for the schema of one store.

mod appends;
mod generations;
mod inline;
mod known;
mod letters;
mod loads;
mod snapshots;
mod tables;

pub(crate) use tables::{Shape, compare_tables, drop_table, is_empty, like_table, replace_table};

use crate::schema::Schema;
use es_core::{GenerationId, StreamId};
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

macro_rules! texts {
    ($($name:ident = $text:expr;)*) => {
        /// The SQL of one store.
        #[derive(Debug)]
        pub(crate) struct Sql {
            schema: Schema,
            $(pub(crate) $name: SqlStr,)*
        }

        impl Sql {
            pub(crate) fn of(schema: Schema) -> Self {
                Self { $($name: schema.sql($text),)* schema }
            }

            /// Every text with its name.
            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), self.$name.as_str()),)*]
            }
        }
    };
}

texts! {
    append = appends::APPEND;
    append_in = appends::APPEND_IN;
    append_plain = appends::APPEND_PLAIN;
    append_lone = appends::APPEND_LONE;
    events_by_id = known::EVENTS_BY_ID;
    commands_by_id = known::COMMANDS_BY_ID;
    seen = known::SEEN;
    horizon = HORIZON;
    head = HEAD;
    row_at = ROW_AT;
    predecessors = PREDECESSORS;
    read_forwards = READ_FORWARDS;
    read_backwards = READ_BACKWARDS;
    read_settled = READ_SETTLED;
    scan = SCAN;
    load = LOAD;
    load_together = loads::LOAD_TOGETHER;
    load_small = loads::LOAD_SMALL;
    read_small = loads::READ_SMALL;
    save = snapshots::SAVE;
    snapshots = snapshots::SNAPSHOTS;
    drop_snapshots = snapshots::DROP_SNAPSHOTS;
    acquire = generations::ACQUIRE;
    move_checkpoint = tables::MOVE_CHECKPOINT;
    release = generations::RELEASE;
    failed = generations::FAILED;
    move_and_hold = tables::MOVE_AND_HOLD;
    still_open = tables::STILL_OPEN;
    no_time_limit = tables::NO_TIME_LIMIT;
    existing_tables = tables::EXISTING_TABLES;
    own_tables = tables::OWN_TABLES;
    disown_tables = tables::DISOWN_TABLES;
    columns = tables::COLUMNS;
    load_inline = inline::LOAD;
    write_inline = inline::WRITE;
    inline_view = inline::VIEW;
    inline_views = inline::VIEWS;
    next_streams = inline::NEXT_STREAMS;
    change_letters = letters::CHANGE;
    letters = letters::LETTERS;
    queues = letters::QUEUES;
    discarded = letters::DISCARDED;
    divide = generations::DIVIDE;
    hold_generation = generations::HOLD_GENERATION;
    pause = generations::PAUSE;
    resume = generations::RESUME;
    swap = generations::SWAP;
    roll_back = generations::ROLL_BACK;
    drop_generation = generations::DROP_GENERATION;
    swap_tables = generations::SWAP_TABLES;
    discard = generations::DISCARD;
    drop_views = generations::DROP_VIEWS;
    generations = generations::GENERATIONS;
    live_generation = generations::LIVE_GENERATION;
    facts = FACTS;
    begin_append = BEGIN_APPEND;
    settled = SETTLED;
    diverged = DIVERGED;
    blockers = BLOCKERS;
}

/// Without the rows below it, which would come from an older snapshot; its distance only says how much is under way.
const HORIZON: &str = "SELECT settled, es.last_allocated() - settled FROM es.horizon() AS settled";
const HEAD: &str =
    "SELECT position, event_id FROM es.events WHERE position <= $1 ORDER BY position DESC LIMIT 1";

const ROW_AT: &str = "SELECT position, event_id FROM es.events WHERE position = $1";

/// The version before each of `$2` in the streams `$1`, if it stands before the position `$3`, with its place in them, from 1.
const PREDECESSORS: &str = "SELECT k.place, e.version
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS k (stream, version, position, place)
    CROSS JOIN LATERAL (SELECT version, position FROM es.events AS e
        WHERE e.stream = k.stream AND e.version < k.version ORDER BY e.version DESC LIMIT 1) AS e
    WHERE e.position < k.position";

macro_rules! event_columns {
    () => {
        "position, event_id, version, name, schema_version, recorded_at, correlation_id, causation_id, metadata, payload"
    };
}

/// Rows of `$rows` until their payloads have more than `$max` bytes, and in any case the second one: the row that a page
/// has no room for is what tells that there is more.
macro_rules! bounded {
    ($columns:expr, $rows:expr, $order:expr, $max:expr) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM (SELECT *, sum(octet_length(payload)) OVER (ORDER BY ",
            $order,
            " ROWS UNBOUNDED PRECEDING) - octet_length(payload) AS bytes_before, row_number() OVER (ORDER BY ",
            $order,
            ") AS nth FROM (",
            $rows,
            ") AS page) AS counted WHERE bytes_before <= ",
            $max,
            " OR nth <= 2 ORDER BY ",
            $order
        )
    };
}

const READ_FORWARDS: &str = bounded!(
    event_columns!(),
    "SELECT * FROM es.events WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4",
    "version",
    "$5"
);
const READ_BACKWARDS: &str = bounded!(
    event_columns!(),
    "SELECT * FROM es.events WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version DESC LIMIT $4",
    "version DESC",
    "$5"
);
/// The rows behind `$1` up to the horizon, at most `$2` and about `$3` bytes, unless there are `$4` numbers or more between; the
/// horizon, and its distance from the last number that was drawn. A row of nulls with these where there is no other.
const READ_SETTLED: &str = "SELECT * FROM es.read_settled($1, $2, $3, $4)";

/// Looks at `$3` rows behind `$1` up to `$2`, and gives those of the categories `$4`, and with the names `$5` or
/// beginning with `$6`, at most `$8`; and the last row that was looked at in any case, which says whether there is one
/// behind it. Empty arrays want everything.
const SCAN: &str = bounded!(
    concat!(event_columns!(), ", stream, wanted, CASE WHEN is_last THEN EXISTS (SELECT FROM es.events AS behind
        WHERE behind.position > counted.position AND behind.position <= $2) ELSE false END"),
    "SELECT * FROM (SELECT seen.*,
            (cardinality($4::text[]) = 0 OR split_part(stream, '-', 1) = ANY ($4))
            AND (cardinality($5::text[]) + cardinality($6::text[]) = 0 OR name = ANY ($5)
                OR EXISTS (SELECT FROM unnest($6) AS prefix WHERE starts_with(name, prefix))) AS wanted,
            position = max(position) OVER () AS is_last
        FROM (SELECT * FROM es.events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) AS seen
    ) AS judged WHERE wanted OR is_last ORDER BY position LIMIT $8",
    "position",
    "$7"
);

/// The snapshot, if there is one, with 0 in the place of a position, and the events from its version on. One
/// statement: two would let another snapshot come between them.
const LOAD: &str = concat!(
    "WITH saved AS MATERIALIZED (
        SELECT version, event_id, state FROM es.snapshots WHERE stream = $1 AND schema_version = $2)
    SELECT 0::bigint AS position, event_id, version, ''::text, 0::bigint, statement_timestamp(), NULL::uuid,
        NULL::uuid, NULL::bytea, state FROM saved
    UNION ALL
    SELECT * FROM (",
    bounded!(
        event_columns!(),
        "SELECT * FROM es.events WHERE stream = $1
            AND version >= coalesce((SELECT version FROM saved), 0) ORDER BY version LIMIT $3",
        "version",
        "$4"
    ),
    ") AS tail"
);

/// `$1` name, `$2` version, `$3` state, `$4` owner, `$5` milliseconds.
/// What must be true before a store is used.
const FACTS: &str = "SELECT s.store_id, current_setting('synchronous_commit'), q.seqcache,
        es.last_allocated(), coalesce((SELECT max(position) FROM es.events), 0)
    FROM es.store AS s, pg_sequence AS q WHERE q.seqrelid = 'es.position_seq'::regclass";
pub(crate) const IS_STANDBY: &str = "SELECT pg_is_in_recovery()";
const BEGIN_APPEND: &str = "SELECT es.begin_append()";
/// Who takes the lock stays above the number that was drawn last, so one more is held back.
const SETTLED: &str = "SELECT es.settled($1)";
/// Checkpoints whose row is not in the log.
const DIVERGED: &str = "SELECT DISTINCT g.name, g.version, g.state, c.position
    FROM es.generations AS g JOIN es.checkpoints AS c ON c.generation = g.id
    WHERE c.position IS NOT NULL AND NOT EXISTS (
        SELECT FROM es.events AS e WHERE e.position = c.position AND e.event_id = c.event_id)";
const BLOCKERS: &str = "SELECT pid, gid, application, state,
        (extract(epoch FROM age) * 1000)::double precision, above FROM es.blockers()";
pub(crate) const ALIVE: &str = "SELECT 1";
pub(crate) const NOTIFY: &str = "SELECT pg_notify($1, '')";
pub(crate) const LOCK_MIGRATIONS: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
pub(crate) const MIGRATIONS_TABLE: &str = "SELECT to_regclass($1)::text";
pub(crate) const MIGRATIONS_APPLIED: &str = "SELECT version FROM es._migrations ORDER BY version";
/// Ends the statements that sqlx has prepared on this connection of the server, for whichever of its clients.
pub(crate) const FORGET_STATEMENTS: &str = r"DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx\_s\_%' LOOP
        EXECUTE format('DEALLOCATE %I', statement);
    END LOOP;
END;
$$";

pub(crate) const SAVEPOINT: &str = "SAVEPOINT es_append";
pub(crate) const RELEASE_SAVEPOINT: &str = "RELEASE SAVEPOINT es_append";
pub(crate) const ROLLBACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT es_append";

/// Which key a list of views begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Behind,
    At,
}

impl From {
    fn operator(self) -> &'static str {
        match self {
            Self::Behind => ">",
            Self::At => ">=",
        }
    }
}

/// The texts that name the table of a generation's views.
impl Sql {
    /// The text of the statement that moves a checkpoint, to be part of another.
    pub(crate) fn moving(&self) -> String {
        self.schema.text(tables::MOVE_AND_HOLD)
    }

    /// The name of the table that has a generation's views.
    fn views(&self, generation: GenerationId) -> String {
        format!("{}.views_{}", self.schema.name(), generation.value())
    }

    /// The view with the key `$2`, if generation `$1` is still the live one. No row: it is not.
    pub(crate) fn view(&self, generation: GenerationId) -> SqlStr {
        let (views, es) = (self.views(generation), self.schema.name());
        AssertSqlSafe(format!(
            "SELECT v.view FROM {es}.generations AS g LEFT JOIN {views} AS v ON v.key = $2
            WHERE g.id = $1 AND g.state = 'live'"
        ))
        .into_sql_str()
    }

    /// The next `$3` keys and views, `from` `$2`, if generation `$1` is still the live one. No row: it is not.
    pub(crate) fn live_views(&self, generation: GenerationId, from: From) -> SqlStr {
        let (views, es, compare) = (self.views(generation), self.schema.name(), from.operator());
        AssertSqlSafe(format!(
            "SELECT v.key, v.view FROM {es}.generations AS g LEFT JOIN LATERAL (
                SELECT key, view FROM {views} WHERE key {compare} $2 ORDER BY key LIMIT $3) AS v ON true
            WHERE g.id = $1 AND g.state = 'live' ORDER BY v.key"
        ))
        .into_sql_str()
    }

    /// The next `$2` keys and views of a generation, `from` `$1`.
    pub(crate) fn generation_views(&self, generation: GenerationId, from: From) -> SqlStr {
        let (views, compare) = (self.views(generation), from.operator());
        AssertSqlSafe(format!("SELECT key, view FROM {views} WHERE key {compare} $1 ORDER BY key LIMIT $2"))
            .into_sql_str()
    }

    /// The views with the keys `$1`, each with its place in them, from 1.
    pub(crate) fn load_views(&self, generation: GenerationId) -> SqlStr {
        let views = self.views(generation);
        AssertSqlSafe(format!(
            "SELECT k.place, v.view FROM unnest($1::text[]) WITH ORDINALITY AS k (key, place)
            CROSS JOIN LATERAL (SELECT view FROM {views} AS v WHERE v.key = k.key LIMIT 1) AS v"
        ))
        .into_sql_str()
    }

    /// Copies at most `limit` rows behind `after` up to `horizon` out of the log. Without a bound of their bytes, which would
    /// cost the server as much again as the rows: who reads stops.
    pub(crate) fn copy_log(&self, after: i64, horizon: i64, limit: usize) -> String {
        self.schema.text(&format!(
            concat!(
                "COPY (SELECT ",
                event_columns!(),
                ", stream FROM es.events WHERE position > {} AND position <= {} ORDER BY position LIMIT {})
                TO STDOUT (FORMAT binary)"
            ),
            after, horizon, limit
        ))
    }

    /// Copies at most `limit` rows of a stream behind the version `after` up to `up_to`. A copy takes no parameters: the stream's
    /// name comes as hexadecimal digits.
    pub(crate) fn copy_stream(&self, stream: &StreamId, after: i64, up_to: i64, limit: usize) -> String {
        let digits: String = stream.as_str().bytes().map(|byte| format!("{byte:02x}")).collect();
        self.schema.text(&format!(
            concat!(
                "COPY (SELECT ",
                event_columns!(),
                " FROM es.events WHERE stream = convert_from(decode('{}', 'hex'), 'UTF8') AND version > {} AND version <= {}
                ORDER BY version LIMIT {}) TO STDOUT (FORMAT binary)"
            ),
            digits, after, up_to, limit
        ))
    }

    /// Copies keys and views into a generation that has none of them.
    pub(crate) fn copy_views(&self, generation: GenerationId) -> String {
        format!("COPY {} (key, view) FROM STDIN (FORMAT binary)", self.views(generation))
    }

    /// Moves the checkpoint as [`tables::MOVE_CHECKPOINT`] does, deletes the views with the keys `$10`, and writes those with
    /// the keys `$11` and the texts `$12`. No row: fenced, and nothing was written.
    pub(crate) fn commit(&self, generation: GenerationId) -> SqlStr {
        let (views, moved) = (self.views(generation), self.schema.text(tables::MOVE_CHECKPOINT));
        AssertSqlSafe(format!(
            "WITH moved AS ({moved}),
            gone AS (DELETE FROM {views} AS v USING moved WHERE v.key = ANY ($10::text[])),
            kept AS (
                INSERT INTO {views} AS v (key, view)
                SELECT k.key, k.view FROM moved CROSS JOIN unnest($11::text[], $12::text[]) AS k (key, view)
                ON CONFLICT (key) DO UPDATE SET view = excluded.view
            )
            SELECT generation FROM moved"
        ))
        .into_sql_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ORDERING, rule 6: the rows would come from an older snapshot than the bound.
    #[test]
    fn a_bound_and_rows_never_stand_in_one_statement() {
        let sql = Sql::of(Schema::new("es").unwrap());
        let asks: Vec<_> = sql.all().into_iter().filter(|(_, text)| text.contains("horizon")).collect();
        assert_eq!(asks, [("horizon", HORIZON)]);
        let migration = include_str!("../migrations/0001_store.sql");
        assert_eq!(
            migration.matches("es.horizon()").count(),
            2,
            "its definition, and a statement of its own"
        );
        assert!(migration.contains("bound  CONSTANT bigint := es.horizon();"));
    }

    #[test]
    fn every_text_is_named_for_its_schema() {
        let sql = Sql::of(Schema::new("orders").unwrap());
        for (name, text) in sql.all() {
            assert!(!text.contains("es.events") && !text.contains(" es."), "{name}: {text}");
        }
    }
}
