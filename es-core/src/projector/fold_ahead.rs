//! [`FoldAhead`]: many pages are folded before they are written.

use super::ProjectorError;
use crate::{Cursor, Grant, Payload, Recorded};
use async_trait::async_trait;

/// A [`Target`](super::Target) that can fold many pages of a build in memory, and write them together.
///
/// Whatever goes wrong, an event that cannot be taken or a store that fails, is an error of the whole: what was folded since
/// the last write is [forgotten](Self::forget), and [`apply`](super::Target::apply) is given the same events page by page.
#[async_trait]
pub trait FoldAhead: Send {
    /// Folds `events` on top of what it holds, which began behind the grant's cursor, and writes nothing. Says whether it holds
    /// about as many bytes as it may, so that they must be written.
    ///
    /// # Errors
    /// [`ProjectorError`], for whatever reason.
    async fn fold(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        bytes_max: usize,
    ) -> Result<Held, ProjectorError>;

    /// Writes all that it holds and moves the checkpoint from the grant's cursor to `to` in one transaction, fenced by the
    /// grant.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing was written then.
    async fn write(&mut self, grant: &Grant, to: Cursor) -> Result<(), ProjectorError>;

    /// Lets go of all that it holds.
    fn forget(&mut self);
}

/// How much a [`FoldAhead`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// There is room for more.
    Some,
    /// It must be written.
    Full,
}
