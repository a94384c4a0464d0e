//! Every metric there is, also those of the stores. `docs/OBSERVABILITY.md` shows the same table to people, and a test
//! compares the two.

use super::Kind::{Counter, Gauge, Histogram};
use super::{Kind, Label, Metric};
use metrics::Unit::{self, Count, Seconds};

/// All metrics, in the order of the documentation.
pub const METRICS: &[Metric] = &[
    COMMANDS,
    COMMAND_SECONDS,
    COMMAND_RETRIES,
    APPENDS,
    APPEND_SECONDS,
    EVENTS_APPENDED,
    LOAD_SECONDS,
    LOAD_EVENTS,
    SNAPSHOT_READS,
    CACHE_READS,
    PROJECTION_EVENTS,
    PROJECTION_BATCH_EVENTS,
    PROJECTION_READ_SECONDS,
    PROJECTION_BATCH_SECONDS,
    PROJECTION_POSITION,
    PROJECTION_LAG_POSITIONS,
    PROJECTION_LAG_SECONDS,
    PROJECTION_OWNER,
    PROJECTION_LEASES,
    PROJECTION_HALTS,
    PROJECTION_DEAD_LETTERS,
    PROJECTION_RETRIES,
    PROJECTION_RESTARTS,
    WRITE_CALLS,
    WRITES_IN_FLIGHT,
    HORIZON_DISTANCE,
];

const CATEGORY: Label = Label { name: "category", values: &[] };
const PROJECTION: Label = Label { name: "projection", values: &[] };
const VERSION: Label = Label { name: "version", values: &[] };
const STATE: Label = Label { name: "state", values: &["live", "building"] };
const STORE: Label = Label { name: "store", values: &["postgres", "sqlite"] };

/// The labels of what is measured for each generation.
const OF_GENERATION: &[Label] = &[PROJECTION, VERSION, STATE];

/// Commands that ended.
pub const COMMANDS: Metric = metric(
    "es_commands_total",
    Counter,
    Count,
    &[CATEGORY, outcome(&["done", "repeated", "rejected", "conflict", "error"])],
    "Commands that ended, by how.",
);
/// How long commands took.
pub const COMMAND_SECONDS: Metric = metric(
    "es_command_seconds",
    Histogram,
    Seconds,
    &[CATEGORY],
    "From the call of a command to its end, with all its loads, appends and retries.",
);
/// Commands that were decided again.
pub const COMMAND_RETRIES: Metric = metric(
    "es_command_retries_total",
    Counter,
    Count,
    &[CATEGORY],
    "Times a command was decided again because another writer was first.",
);
/// Appends that were tried.
pub const APPENDS: Metric = metric(
    "es_appends_total",
    Counter,
    Count,
    &[CATEGORY, outcome(&["written", "repeated", "conflict", "error"])],
    "Appends that a command sent to the store, each try by its outcome.",
);
/// How long appends took.
pub const APPEND_SECONDS: Metric = metric(
    "es_append_seconds",
    Histogram,
    Seconds,
    &[CATEGORY],
    "From sending an append to the store's answer, whatever that was.",
);
/// Events that were appended.
pub const EVENTS_APPENDED: Metric =
    metric("es_events_appended_total", Counter, Count, &[CATEGORY], "Events in appends that were written.");
/// How long loads took.
pub const LOAD_SECONDS: Metric = metric(
    "es_load_seconds",
    Histogram,
    Seconds,
    &[CATEGORY],
    "Loading and folding the newest state of an aggregate, where that succeeded.",
);
/// How many events a load folds.
pub const LOAD_EVENTS: Metric = metric(
    "es_load_events",
    Histogram,
    Count,
    &[CATEGORY],
    "Events folded by a load of the newest state; those behind its snapshot, where it has one.",
);
/// Whether a load began with a snapshot.
pub const SNAPSHOT_READS: Metric = metric(
    "es_snapshot_reads_total",
    Counter,
    Count,
    &[CATEGORY, outcome(&["hit", "miss", "ignored"])],
    "Loads of a repository with snapshots: from a snapshot, without one, or with one that was no good.",
);
/// Whether a command found its state in memory.
pub const CACHE_READS: Metric = metric(
    "es_cache_reads_total",
    Counter,
    Count,
    &[CATEGORY, outcome(&["hit", "miss", "stale"])],
    "Commands of a repository with a cache: decided on the cached state, without one, or again on a fresh one.",
);
/// Events that projections were given.
pub const PROJECTION_EVENTS: Metric = metric(
    "es_projection_events_total",
    Counter,
    Count,
    OF_GENERATION,
    "Events that a projection asked for and that were applied to it.",
);
/// How large batches are.
pub const PROJECTION_BATCH_EVENTS: Metric = metric(
    "es_projection_batch_events",
    Histogram,
    Count,
    OF_GENERATION,
    "Events of the log in a batch that was committed, also those that the projection did not ask for.",
);
/// How long reading a batch takes.
pub const PROJECTION_READ_SECONDS: Metric = metric(
    "es_projection_read_seconds",
    Histogram,
    Seconds,
    OF_GENERATION,
    "Reading a page of the log that had events.",
);
/// How long applying a batch takes.
pub const PROJECTION_BATCH_SECONDS: Metric = metric(
    "es_projection_batch_seconds",
    Histogram,
    Seconds,
    OF_GENERATION,
    "Applying and committing a batch, where that succeeded.",
);
/// Where a projection is.
pub const PROJECTION_POSITION: Metric = metric(
    "es_projection_position",
    Gauge,
    Count,
    OF_GENERATION,
    "The position of the last event that was finished.",
);
/// How far behind a projection is.
pub const PROJECTION_LAG_POSITIONS: Metric = metric(
    "es_projection_lag_positions",
    Gauge,
    Count,
    OF_GENERATION,
    "Positions between the projection and the end of the log as far as it was seen; 0 at the end.",
);
/// How old what a projection has not done yet is.
pub const PROJECTION_LAG_SECONDS: Metric = metric(
    "es_projection_lag_seconds",
    Gauge,
    Seconds,
    OF_GENERATION,
    "The age of the oldest event that is not finished, at most; 0 at the end of the log.",
);
/// Whether a projection is worked on.
pub const PROJECTION_OWNER: Metric = metric(
    "es_projection_owner",
    Gauge,
    Count,
    OF_GENERATION,
    "Shards whose lease this process holds; only above 0 do its position and its lag mean anything.",
);
/// Leases that came and went.
pub const PROJECTION_LEASES: Metric = metric(
    "es_projection_leases_total",
    Counter,
    Count,
    &[PROJECTION, VERSION, STATE, outcome(&["taken", "lost"])],
    "Leases that this process took, and that it lost to another owner before it gave them back.",
);
/// Halts.
pub const PROJECTION_HALTS: Metric = metric(
    "es_projection_halts_total",
    Counter,
    Count,
    OF_GENERATION,
    "Times the projector stopped at what needs a person's help.",
);
/// Dead letters.
pub const PROJECTION_DEAD_LETTERS: Metric = metric(
    "es_projection_dead_letters_total",
    Counter,
    Count,
    OF_GENERATION,
    "Times an event became a dead letter, without those that wait behind it; retries do not count.",
);
/// Retries.
pub const PROJECTION_RETRIES: Metric = metric(
    "es_projection_retries_total",
    Counter,
    Count,
    &[PROJECTION, VERSION],
    "Times a running projector tried again after a failure that may pass.",
);
/// Restarts.
pub const PROJECTION_RESTARTS: Metric = metric(
    "es_projection_restarts_total",
    Counter,
    Count,
    &[PROJECTION, VERSION],
    "Times a projector was started again after a panic that was not the projection's own, or after a halt.",
);
/// How many calls are written together.
pub const WRITE_CALLS: Metric = metric(
    "es_write_calls",
    Histogram,
    Count,
    &[STORE],
    "Calls of append that went out together: in a statement (PostgreSQL), in a transaction (SQLite).",
);
/// How many writes are under way.
pub const WRITES_IN_FLIGHT: Metric = metric(
    "es_writes_in_flight",
    Gauge,
    Count,
    &[STORE],
    "Such statements or transactions that are under way.",
);
/// How much of the log is not settled.
pub const HORIZON_DISTANCE: Metric = metric(
    "es_horizon_distance",
    Gauge,
    Count,
    &[Label { name: "store", values: &["postgres"] }],
    "Positions given out but still above the horizon, when a reader last asked.",
);

const fn outcome(values: &'static [&'static str]) -> Label {
    Label { name: "outcome", values }
}

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [Label],
    about: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, about }
}
