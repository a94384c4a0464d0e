//! [`Version`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// How many events a stream has: [`Version::ZERO`] is the empty stream, its first event has version 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of a stream without events.
    pub const ZERO: Self = Self(0);

    /// The version of a stream with `events` events.
    pub const fn new(events: u64) -> Self {
        Self(events)
    }

    /// The number of events.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The version after `events` more events.
    pub const fn plus(self, events: u64) -> Self {
        Self(self.0 + events)
    }

    /// The version `events` events earlier; the empty stream's where there were fewer.
    pub const fn minus(self, events: u64) -> Self {
        Self(self.0.saturating_sub(events))
    }

    /// The version one event earlier; the empty stream has none.
    pub const fn previous(self) -> Option<Self> {
        match self.0.checked_sub(1) {
            Some(events) => Some(Self(events)),
            None => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
