//! [`BatchTarget`]: what a target does so that [`Parking`](super::Parking) can keep its dead letters.

use super::{ProjectorError, Target};
use crate::{BackendError, Cursor, Grant, LetterChange, Payload, Recorded};
use async_trait::async_trait;

/// A target that applies any part of a batch, and changes dead letters with it.
///
/// What it keeps between two batches is right also after it failed or panicked.
#[async_trait]
pub trait BatchTarget: Target {
    /// As [`apply`](Target::apply), and makes the changes to `letters` in the same transaction. The checkpoint stays where
    /// it is when `to` is the grant's cursor.
    ///
    /// # Errors
    /// [`NotApplied`]; nothing was written then.
    async fn apply_with(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Option<Cursor>,
        letters: Vec<LetterChange>,
    ) -> Result<(), NotApplied>;
}

/// Why a part of a batch was not applied.
#[derive(Debug)]
pub enum NotApplied {
    /// One of its events cannot be decoded, the projection refuses it, or its code panics at it.
    ByEvent(ProjectorError),
    /// The database refused what the events led to, because of their values.
    ByValues {
        /// How it said so, without the values: for a dead letter.
        reason: BackendError,
        /// The same where the projection halts.
        error: ProjectorError,
    },
    /// No event is to blame.
    ByStore(ProjectorError),
}

impl From<NotApplied> for ProjectorError {
    fn from(not_applied: NotApplied) -> Self {
        match not_applied {
            NotApplied::ByEvent(error) | NotApplied::ByValues { error, .. } | NotApplied::ByStore(error) => {
                error
            }
        }
    }
}
