//! What becomes of a grant: it is followed by, and given back.

use super::follow::Follower;
use super::{AnyProjector, ProjectorError};
use crate::{Grant, Halt};

impl AnyProjector {
    /// Begins to follow by the right of `grant`, which is given back if that fails.
    pub(super) async fn begin(&self, grant: Grant) -> Result<Follower, ProjectorError> {
        let metrics = self.metrics.generation(grant.lease.of);
        let pages = self.pages.clone().map(|pages| (pages, self.idle_max()));
        let mut begun =
            Follower::begin(grant.clone(), self.target(), self.batch_events_max, pages, metrics).await;
        if let Ok(follower) = &mut begun {
            follower.bytes_max = self.rebuild_bytes_max.unwrap_or(follower.bytes_max);
            follower.page_events_max = match self.rebuild_rate_max {
                Some(_) => self.batch_events_max,
                None => self.build_events_max,
            };
        }
        if let Err(error) = &begun
            && let Err(error) = self.give_back(&grant, Some(error)).await
        {
            tracing::warn!(projection = %self.projection(), error = error.chain(), "the lease could not be given back");
        }
        begun
    }

    /// Gives the lease back after `outcome`, which is the one that counts.
    pub(super) async fn release(
        &self,
        grant: &Grant,
        outcome: Result<(), ProjectorError>,
    ) -> Result<(), ProjectorError> {
        let released = self.give_back(grant, outcome.as_ref().err()).await;
        outcome.and(released)
    }

    /// Gives the lease back, and keeps why the projector halted if that needs a person's help.
    async fn give_back(&self, grant: &Grant, error: Option<&ProjectorError>) -> Result<(), ProjectorError> {
        let halt = error.filter(|error| !error.is_transient()).map(|error| Halt {
            position: error.position().unwrap_or(grant.position()),
            cause: error.chain(),
        });
        let metrics = self.metrics.generation(grant.lease.of);
        if matches!(error, Some(ProjectorError::Fenced(_))) {
            metrics.leases_lost.increment(1);
        }
        metrics.halts.increment(u64::from(halt.is_some()));
        if halt.is_none() {
            metrics.hide(grant.slices);
        }
        if let Some(error) = error.filter(|error| is_failure(error)) {
            self.keep_failure(grant, error).await;
        }
        self.store.release(grant, halt).await.map_err(|source| self.cannot_go_on(source))
    }

    /// Lets any process see what is tried again. Where that fails too, as in a store that is down, the log has it.
    async fn keep_failure(&self, grant: &Grant, error: &ProjectorError) {
        if let Err(source) = self.store.failed(grant, &error.chain()).await {
            let error = self.cannot_go_on(source);
            tracing::debug!(projection = %self.projection(), error = error.chain(), "what a projector failed with was not kept");
        }
    }
}

/// Whether it may pass. Who was fenced did not fail: another owner has taken over.
fn is_failure(error: &ProjectorError) -> bool {
    error.is_transient() && !matches!(error, ProjectorError::Fenced(_))
}
