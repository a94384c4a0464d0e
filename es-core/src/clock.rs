//! [`Clock`] and [`IdSource`]: where time and ids come from, so that tests can set them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tells the time. Nothing that must be right depends on it: order, versions and leases do not.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Makes ids that nobody else makes.
pub trait IdSource: Send + Sync + 'static {
    /// The next id.
    fn next(&self) -> Uuid;
}

/// UUIDs of version 7, increasing within the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7;

impl IdSource for UuidV7 {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
