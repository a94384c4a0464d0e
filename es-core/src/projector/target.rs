//! [`Target`]: where the events of a projector go.

use super::{Comparison, FoldAhead, ProjectorError, check};
use crate::{
    Commit, CommitError, Cursor, Filter, Generation, Grant, LetterQueue, OnFailure, Parked, Payload,
    Recorded, Store, StoreError,
};
use async_trait::async_trait;
use std::sync::Arc;

/// What a projector does with a batch. Views are one target; a store may have others, such as tables of the user's own.
#[async_trait]
pub trait Target: Send + Sync + 'static {
    /// The store that has the log and the checkpoint.
    fn store(&self) -> &Arc<dyn Store>;

    /// Which events it is given.
    fn filter(&self) -> &Filter;

    /// Makes ready what a generation needs; called once, before anything else.
    ///
    /// # Errors
    /// [`ProjectorError`].
    async fn begin(&mut self, _grant: &Grant) -> Result<(), ProjectorError> {
        Ok(())
    }

    /// Folds `events` and moves the checkpoint from the grant's cursor to `to` in one transaction, fenced by the grant.
    /// After an error nothing of the batch was written, and nothing that was read for it is believed any more.
    ///
    /// # Errors
    /// [`ProjectorError`].
    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError>;

    /// Itself, where it can fold many pages of a build before it writes them, and now is a time for that.
    fn ahead(&mut self) -> Option<&mut dyn FoldAhead> {
        None
    }

    /// Whether [`apply`](Self::apply) has done and committed by itself what comes before the event that it failed at. Where
    /// it has not, it is called again with just that.
    fn has_done_what_comes_before(&self) -> bool {
        false
    }

    /// How many dead letters it has written since it was last asked, without those that only wait.
    fn take_dead_letters(&mut self) -> u64 {
        0
    }

    /// What becomes of an event that it cannot take.
    fn on_failure(&self) -> OnFailure {
        OnFailure::Halt
    }

    /// Takes `events` once more, whose letters stand in `queue`, in their order, and settles the letters of those that
    /// could be taken; the checkpoint stays. Gives the letters that still stand, or stand anew. The letter `next` behind
    /// them is written with its cause in the same transaction, so that a queue never begins with one that has none, and
    /// somebody sees it.
    ///
    /// # Errors
    /// [`ProjectorError`]; nothing was written then. Only a target that parks letters is asked to.
    async fn retry(
        &mut self,
        grant: &Grant,
        _queue: &LetterQueue,
        _events: Vec<Recorded<Payload>>,
        _next: Option<Parked>,
    ) -> Result<Vec<Parked>, ProjectorError> {
        let reason = "this kind of projection has no dead letters".to_owned();
        Err(ProjectorError::store(&grant.projection, StoreError::Unusable(reason)))
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// [`CommitError::Fenced`] when it is over.
    async fn renew(&self, grant: &Grant) -> Result<(), CommitError> {
        self.store().commit(Commit::new(grant.clone(), grant.cursor)).await
    }

    /// Puts what was built in the place of the live one.
    ///
    /// # Errors
    /// [`CommitError`], as in [`CheckpointStore::swap`](crate::CheckpointStore::swap).
    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.store().swap(grant).await
    }

    /// Compares what was built with the live one; both are at the same position.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn compare(&self, live: &Generation, grant: &Grant) -> Result<Comparison, StoreError> {
        check::compare_views(&**self.store(), live, grant.generation).await
    }

    /// Drops what was built.
    ///
    /// # Errors
    /// [`CommitError`], as in [`CheckpointStore::discard`](crate::CheckpointStore::discard).
    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.store().discard(grant).await
    }
}
