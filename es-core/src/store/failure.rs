//! [`Failure`].

use chrono::{DateTime, Utc};

/// What a projector failed with last and tries again after: a deadlock, a store that is busy, a reaction whose other side
/// is away.
///
/// It is history, and stays until the next one: how old it is tells whether it still matters. What needs a person is a
/// [`Halt`](crate::Halt).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The chain of errors, without payloads.
    pub cause: String,
    /// When, by the store's clock.
    pub at: DateTime<Utc>,
}
