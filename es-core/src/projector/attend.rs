//! Keeping a projector at work, whatever happens.

use super::any::{Halts, wait};
use super::{AnyProjector, ProjectorError};
use crate::{GenerationState, Retry};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often to look whether a halt was ended by a person.
const HALT_INTERVAL: Duration = Duration::from_millis(100);

impl AnyProjector {
    /// Follows the log until `shutdown`, as [`run`](Self::run) does, and outlives what ends that: after a halt it waits
    /// until the projection is [resumed](crate::CheckpointStore::resume), by whomever; a panic that is not the
    /// projection's own is tried again after a while. A halt that another process has left is heeded, except once at
    /// the start: perhaps this program is the mended one.
    ///
    /// # Errors
    /// [`ProjectorError`], for which it was halted at the `shutdown`.
    pub async fn attend(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let mut panics = 0;
        loop {
            let run =
                AssertUnwindSafe(self.run_with(Halts::HeededAfterOneTry, &shutdown)).catch_unwind().await;
            let error = match run {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    panics += 1;
                    tracing::error!(projection = %self.projection(), panics, "projector panicked, and starts again");
                    wait(&shutdown, retry.delay(panics)).await;
                    continue;
                }
            };
            tracing::error!(projection = %self.projection(), error = error.chain(), "projector halted, until it is resumed");
            if !self.is_resumed(&shutdown).await {
                return Err(error);
            }
            tracing::info!(projection = %self.projection(), "projector resumed");
        }
    }

    /// Waits until the halt is ended; false when `shutdown` came first.
    async fn is_resumed(&self, shutdown: &CancellationToken) -> bool {
        while !shutdown.is_cancelled() {
            wait(shutdown, HALT_INTERVAL).await;
            // A store that cannot be read says nothing; one without the generation has nothing to halt at.
            let found = self.generation(GenerationState::Live).await;
            if found.is_ok_and(|live| live.is_none_or(|live| live.halt.is_none())) {
                return !shutdown.is_cancelled();
            }
        }
        false
    }
}
