//! [`Ability`].

use std::fmt;

/// Something a subject may be able to do to a store, beside making one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ability {
    /// Closing a store and opening the same log again.
    Reopen,
    /// Another handle on the same log, as another process would have.
    SecondHandle,
    /// Changing what is stored behind the store's back.
    Tamper,
    /// Stopping an append between the moment it has its positions and its commit.
    HoldAppend,
    /// Setting the store's limits.
    Limits,
    /// Setting the clock that events are recorded by.
    Clock,
    /// Working with a single connection.
    OneConnection,
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reopen => "reopening a store",
            Self::SecondHandle => "a second handle on a store",
            Self::Tamper => "tampering with what is stored",
            Self::HoldAppend => "holding an append before its commit",
            Self::Limits => "setting limits",
            Self::Clock => "setting the clock",
            Self::OneConnection => "a pool of one connection",
        })
    }
}
