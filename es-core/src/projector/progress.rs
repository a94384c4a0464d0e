//! [`Progress`].

use crate::Position;
use std::time::Duration;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where it is.
    pub position: Position,
    /// Where the log ended when it was last looked at.
    pub head: Position,
    /// How many events it has read since it was called.
    pub events: u64,
    /// How long that took.
    pub elapsed: Duration,
}

impl Progress {
    /// Events read in a second, since it was called.
    pub fn events_per_second(&self) -> f64 {
        self.events as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// How long it will take at this rate; nothing before the rate is known.
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.head.value().saturating_sub(self.position.value()) as f64;
        Duration::try_from_secs_f64(left / self.events_per_second()).ok().filter(|_| self.events > 0)
    }
}
