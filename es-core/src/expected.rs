//! [`Expected`].

use crate::Version;
use std::fmt;

/// What a writer believes of a stream; an append is refused when it is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: append whatever the stream's version is.
    Any,
    /// The stream has no events. The same as `Exactly(Version::ZERO)`.
    Empty,
    /// The stream has at least one event.
    Exists,
    /// The stream has this version.
    Exactly(Version),
}

impl Expected {
    /// Whether a stream at `found` is as expected.
    pub fn admits(self, found: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Empty => found == Version::ZERO,
            Self::Exists => found != Version::ZERO,
            Self::Exactly(version) => found == version,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::Empty => f.write_str("an empty stream"),
            Self::Exists => f.write_str("a stream with events"),
            Self::Exactly(version) => write!(f, "version {version}"),
        }
    }
}
