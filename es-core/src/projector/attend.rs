//! Keeping a projector at work, whatever happens.

use super::any::wait;
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
    /// until the projection is [resumed](crate::CheckpointStore::resume), or another process has got past it; a panic
    /// that is not the projection's own is tried again after a while. Each process tries once: during a deployment one
    /// may be able to read what another is not.
    ///
    /// # Errors
    /// [`ProjectorError`], for which it was halted at the `shutdown`.
    pub async fn attend(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        self.each_shard(shutdown, |shard, round| async move { shard.attend_shard(round).await }).await
    }

    async fn attend_shard(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let mut failed = 0;
        loop {
            let run = AssertUnwindSafe(self.run_shard(shutdown.clone())).catch_unwind().await;
            let error = match run {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    failed += 1;
                    self.metrics.restarts.increment(1);
                    tracing::error!(projection = %self.projection(), failed, "projector panicked, and starts again");
                    wait(&shutdown, retry.delay(failed)).await;
                    continue;
                }
            };
            tracing::error!(projection = %self.projection(), error = error.chain(), "projector halted");
            self.worker.may_take_shards(false);
            // What failed before there was a lease to keep a halt with is tried again after a while.
            failed += 1;
            wait(&shutdown, retry.delay(failed)).await;
            match self.halt_is_over(&shutdown).await {
                over @ (HaltIs::Over | HaltIs::Passed) => {
                    failed = 0;
                    self.worker.may_take_shards(matches!(over, HaltIs::Over));
                    self.metrics.generation(GenerationState::Live).hide(self.worker.shard.slices());
                    tracing::info!(projection = %self.projection(), "projector goes on after its halt");
                }
                HaltIs::Nowhere => {
                    tracing::warn!(projection = %self.projection(), failed, "projector starts again")
                }
                HaltIs::LeftStanding => return Err(error),
            }
            self.metrics.restarts.increment(1);
        }
    }

    /// Waits until the halt is over, or `shutdown`. Whoever tries holds the lease until it has left a halt of its own, so
    /// that no try is taken for a person's word.
    async fn halt_is_over(&self, shutdown: &CancellationToken) -> HaltIs {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let (mut halted_at, mut failed) = (None, 0);
        while !shutdown.is_cancelled() {
            let live = self.generation(GenerationState::Live).await;
            failed = if live.is_ok() { 0 } else { failed + 1 };
            // A store that cannot be read says nothing.
            if let Ok(live) = live {
                let Some(live) = live else { return HaltIs::Nowhere };
                if live.shards != self.worker.shard.of() {
                    return HaltIs::Nowhere;
                }
                let places = || live.checkpoints_of(self.worker.shard);
                let halt = places().find_map(|place| place.halt.as_ref());
                match halt {
                    Some(halt) => halted_at = Some(halt.position),
                    None if places().all(|place| place.owner.is_none()) && !live.paused => {
                        return if halted_at.is_some() { HaltIs::Over } else { HaltIs::Nowhere };
                    }
                    // A halt that no event is to blame for is at the last one that was finished.
                    None if halted_at.is_some_and(|halt| places().all(|place| place.position() > halt)) => {
                        return HaltIs::Passed;
                    }
                    None => (),
                }
            }
            wait(shutdown, HALT_INTERVAL.max(retry.delay(failed))).await;
        }
        HaltIs::LeftStanding
    }
}

/// What became of a halt.
enum HaltIs {
    /// A person has ended it.
    Over,
    /// Another process has got past it.
    Passed,
    /// There is none: the lease could not even be taken.
    Nowhere,
    /// It was there to the end.
    LeftStanding,
}
