//! [`Position`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// The place of an event in the log of the whole store: unique, increasing, never used again.
///
/// Positions may have gaps. They respect the order of every stream and of real time: an event that was
/// acknowledged before another append began has the smaller position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The place with this number; the first event of a store is at 1 or later.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
