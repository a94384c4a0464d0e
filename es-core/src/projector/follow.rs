//! One owner of one generation, following the log.

use super::{ProjectorError, Target};
use crate::continuity::Continuity;
use crate::{CommitError, Cursor, Filter, Grant, Position, Store, StoreError};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Reads pages behind the grant's cursor and hands them to the target, until the grant is lost.
pub(super) struct Follower {
    pub(super) grant: Grant,
    pub(super) target: Box<dyn Target>,
    continuity: Continuity,
    pub(super) batch_events_max: usize,
}

/// What one step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How many events were read.
    pub(super) events: usize,
    /// Whether the log had more.
    pub(super) more: bool,
}

impl Follower {
    /// Begins where the grant's owner before left off, if the log is still the one it has read.
    pub(super) async fn begin(
        grant: Grant,
        mut target: Box<dyn Target>,
        batch_events_max: usize,
    ) -> Result<Self, ProjectorError> {
        let begun = same_history(target.store(), grant.cursor).await;
        begun.map_err(|source| ProjectorError::store(&grant.projection, source))?;
        target.begin(&grant).await?;
        Ok(Self { grant, target, continuity: Continuity::default(), batch_events_max })
    }

    /// Reads one page, and no further than `until`, and applies it. Where an event in it cannot be applied, what comes
    /// before that event is.
    pub(super) async fn step(&mut self, until: Option<Position>) -> Result<Step, ProjectorError> {
        let begun = self.grant.position();
        let mut error = match self.apply_page(until).await {
            Err(error) => error,
            applied => return applied,
        };
        while !self.target.has_done_what_comes_before()
            && let Some(position) = error.position()
            && position.value() > begun.value() + 1
        {
            match self.apply_page(Some(Position::new(position.value() - 1))).await {
                Ok(_) => break,
                // There is one before it.
                Err(earlier) if earlier.position() < error.position() => error = earlier,
                Err(other) => return Err(other),
            }
        }
        Err(error)
    }

    async fn apply_page(&mut self, until: Option<Position>) -> Result<Step, ProjectorError> {
        let store = self.target.store().clone();
        let page = store.read_all(self.grant.position(), &Filter::default(), self.batch_events_max).await;
        let mut page = page.map_err(|source| ProjectorError::store(&self.grant.projection, source))?;
        if let Some(until) = until {
            page.events.retain(|event| event.position <= until);
            let last = page.events.last();
            page.cursor = last.map(|event| Cursor { position: event.position, event_id: event.event_id });
            page.more &= last.is_some_and(|event| event.position < until);
        }
        let (Some(to), events) = (page.cursor, page.events.len()) else {
            return Ok(Step { events: 0, more: false });
        };
        let continuous = self.continuity.check(&store, &page.events).await;
        let seen = continuous.map_err(|source| ProjectorError::store(&self.grant.projection, source))?;
        let filter = self.target.filter();
        page.events.retain(|event| filter.wants(&event.stream, &event.name));
        // A target that panicked is never used again: its follower ends with this error.
        let applied = AssertUnwindSafe(self.target.apply(&self.grant, page.events, to)).catch_unwind().await;
        applied.unwrap_or_else(|_| Err(ProjectorError::Panicked(self.grant.projection.clone())))?;
        self.continuity.remember(seen);
        self.grant.cursor = Some(to);
        Ok(Step { events, more: page.more })
    }

    /// Steps until the log has no more, or `until` is reached; `each` sees every step.
    pub(super) async fn follow(
        &mut self,
        until: Option<Position>,
        mut each: impl FnMut(&Grant, Step),
    ) -> Result<(), ProjectorError> {
        loop {
            let step = self.step(until).await?;
            each(&self.grant, step);
            if !step.more {
                return Ok(());
            }
        }
    }

    /// Renews the lease while there is nothing to do.
    pub(super) async fn renew(&self) -> Result<(), ProjectorError> {
        self.target.renew(&self.grant).await.map_err(|error| self.commit_failed(error))
    }

    pub(super) fn commit_failed(&self, error: CommitError) -> ProjectorError {
        ProjectorError::commit(&self.grant.projection, error)
    }
}

/// Whether the log still has the event that was read last where it was read.
async fn same_history(store: &Arc<dyn Store>, cursor: Option<Cursor>) -> Result<(), StoreError> {
    let Some(Cursor { position, event_id: expected }) = cursor else {
        return Ok(());
    };
    let found = store.event_id_at(position).await?;
    if found == Some(expected) {
        Ok(())
    } else {
        Err(StoreError::HistoryDiverged { position, expected, found })
    }
}
