//! Keeping a projector at work, whatever happens.

use super::any::wait;
use super::{AnyProjector, ProjectorError};
use crate::{Generation, GenerationState, Retry};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often to look whether a halt was ended by a person.
const HALT_INTERVAL: Duration = Duration::from_millis(100);

impl AnyProjector {
    /// Follows the log until `shutdown`, as [`run`](Self::run) does, and outlives what ends that: after a halt it waits
    /// until the projection is [resumed](crate::CheckpointStore::resume), or another process has got past it; a panic
    /// that is not the projection's own is tried again after a while. Each process tries once: during a deployment one
    /// may be able to read what another is not.
    ///
    /// # Errors
    /// [`ProjectorError`], for which it was halted at the `shutdown`.
    pub async fn attend(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let mut panics = 0;
        loop {
            let run = AssertUnwindSafe(self.run(shutdown.clone())).catch_unwind().await;
            let error = match run {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    panics += 1;
                    self.metrics.restarts.increment(1);
                    tracing::error!(projection = %self.projection(), panics, "projector panicked, and starts again");
                    wait(&shutdown, retry.delay(panics)).await;
                    continue;
                }
            };
            tracing::error!(projection = %self.projection(), error = error.chain(), "projector halted, until it is resumed");
            if !self.is_resumed(&shutdown).await {
                return Err(error);
            }
            self.metrics.restarts.increment(1);
            tracing::info!(projection = %self.projection(), "projector resumed");
        }
    }

    /// Waits until the halt is over; false when `shutdown` came first. Whoever tries holds the lease until it has left a
    /// halt of its own, so that no try is taken for a person's word.
    async fn is_resumed(&self, shutdown: &CancellationToken) -> bool {
        let mut halted_at = None;
        while !shutdown.is_cancelled() {
            // A store that cannot be read says nothing.
            match self.generation(GenerationState::Live).await {
                Ok(Some(Generation { halt: Some(halt), .. })) => halted_at = Some(halt.position),
                Ok(Some(live)) if live.owner.is_none() && !live.paused => return true,
                Ok(Some(live)) if halted_at.is_some_and(|position| live.position() >= position) => {
                    return true;
                }
                Ok(None) => return true,
                _ => (),
            }
            wait(shutdown, HALT_INTERVAL).await;
        }
        false
    }
}
