//! [`Timings`].

use serde::Serialize;
use std::time::Duration;

/// How long it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timings {
    /// For the digest of the log.
    pub digest_seconds: f64,
    /// For the rows of the log, each a command.
    pub import_seconds: f64,
    pub commands_per_second: f64,
    /// For all read models, side by side, to come from where they were to the end of the log.
    pub projections_seconds: f64,
    /// How many events of the log that were, each for all read models.
    pub events_per_second: f64,
}

impl Timings {
    pub fn new(digest: Duration, import: (u64, Duration), projections: (u64, Duration)) -> Self {
        Self {
            digest_seconds: digest.as_secs_f64(),
            import_seconds: import.1.as_secs_f64(),
            commands_per_second: rate(import),
            projections_seconds: projections.1.as_secs_f64(),
            events_per_second: rate(projections),
        }
    }
}

fn rate((count, time): (u64, Duration)) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
