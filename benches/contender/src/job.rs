//! What a contender is told to do, and what it says of it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One piece of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// On what.
    pub place: Place,
    /// How.
    pub mode: Mode,
    /// What.
    pub task: Task,
}

/// Where events are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// The URL of a PostgreSQL database, or empty.
    pub url: String,
    /// A folder, for whoever keeps files.
    pub folder: PathBuf,
    /// The process id of the server, whose processor time is counted.
    pub server: Option<u32>,
}

/// Which of its ways a contender goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// As it comes.
    Plain,
    /// With the states of aggregates in memory.
    Cached,
    /// With snapshots.
    Snapshots,
    /// The limit only: with the lock that makes the order safe.
    Guarded,
    /// The limit only: what waits goes out as one statement.
    Coalesced,
    /// The limit only: both.
    CoalescedGuarded,
    /// The limit only: appends tell followers.
    Notifying,
}

/// What is done, measured and checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Makes the store, with as many accounts and events on each.
    Fill {
        /// How many accounts.
        accounts: u64,
        /// How many events each.
        events: u64,
    },
    /// Loads, decides and appends one event, on each account `passes` times. Each had `events` events.
    Command {
        /// How many accounts there are.
        accounts: u64,
        /// How many events each has.
        events: u64,
        /// How many accounts are worked on, and how often.
        on: u64,
        /// How often.
        passes: u64,
        /// How many commands at a time.
        at_once: u64,
        /// Whether each account has a command before that is not measured.
        warm: bool,
    },
    /// Appends to accounts of the writers' own, whose versions they know.
    Append {
        /// How many events are there before.
        before: u64,
        /// How many writers at a time.
        writers: u64,
        /// How many appends each.
        appends: u64,
        /// How many events an append.
        events: u64,
    },
    /// Reads all events, and folds them into balances in memory.
    Replay {
        /// How many accounts there are.
        accounts: u64,
        /// How many events each has.
        events: u64,
    },
    /// Builds a table with one row per account from all events.
    Rebuild {
        /// How many accounts there are.
        accounts: u64,
        /// How many events each has.
        events: u64,
        /// How many workers build it.
        workers: u16,
    },
    /// Follows the log; another process appends.
    Follow {
        /// How many events to wait for.
        appends: u64,
    },
    /// Appends so many events, each on its own, at even intervals.
    Pace {
        /// How many.
        appends: u64,
        /// How many a second.
        per_second: u64,
    },
}

/// What came of a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Commands or events that were done.
    pub units: u64,
    /// How many could not be done.
    pub errors: u64,
    /// One of these errors.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// How long single calls took.
    pub latency: Option<Latency>,
    /// Processor seconds of the contender.
    pub client_cpu: f64,
    /// Processor seconds of the server.
    pub server_cpu: f64,
    /// The contender's peak of memory, in KiB.
    pub peak_kib: u64,
    /// What is not as it should be.
    pub wrong: Option<String>,
    /// Why it was not done at all.
    pub unsupported: Option<String>,
    /// When each event was seen, or acknowledged: its number, and nanoseconds since the epoch.
    pub times: Vec<(u64, u64)>,
}

/// Percentiles, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Half are faster.
    pub p50: f64,
    /// 99 of 100 are faster.
    pub p99: f64,
    /// 999 of 1,000 are faster.
    pub p999: f64,
}
