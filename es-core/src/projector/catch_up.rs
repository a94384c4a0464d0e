//! Bringing a read model to where the log ends, and waiting until it is somewhere.

use super::any::{FOREVER, LOOK_INTERVAL};
use super::{AnyProjector, ProjectorError, Stall};
use crate::{Generation, GenerationState, Position, Shard};
use futures::future::join_all;
use std::time::Duration;
use tokio::time::Instant;

impl AnyProjector {
    /// Follows the log up to where its end is now: see [`Projector::catch_up`](super::Projector::catch_up).
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn catch_up(&self) -> Result<Position, ProjectorError> {
        let until = self.head().await?;
        while !self.catch_up_shards(until).await? {}
        Ok(until)
    }

    /// Says whether all did; otherwise the projection is divided in another way by now.
    async fn catch_up_shards(&self, until: Position) -> Result<bool, ProjectorError> {
        let shards: Vec<_> = Shard::all(self.shard_count().await?).map(|shard| self.on(shard)).collect();
        let caught_up = join_all(shards.iter().map(|shard| shard.catch_up_shard(until))).await;
        caught_up.into_iter().try_fold(true, |all, shard| Ok(shard? && all))
    }

    async fn catch_up_shard(&self, until: Position) -> Result<bool, ProjectorError> {
        loop {
            let Some(mut follower) = self.acquire(GenerationState::Live).await? else {
                // Its owner looks after the history; all that is left to do here is to wait.
                let shard = self.worker.shard;
                match self.generation(GenerationState::Live).await? {
                    Some(live) if live.shards != shard.of() => return Ok(false),
                    Some(live) if live.checkpoints_of(shard).all(|place| place.position() >= until) => {
                        return Ok(true);
                    }
                    Some(live) if live.paused => {
                        return Err(ProjectorError::Paused(self.projection().clone()));
                    }
                    None if until == Position::START => return Ok(true),
                    _ => (),
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            if follower.grant.until.is_some() {
                self.follow_part(follower).await?;
                continue;
            }
            let followed = follower.follow(Some(until), |_, _| ()).await;
            match self.release(&follower.grant, followed).await {
                Err(ProjectorError::Fenced(_)) => (),
                outcome => return outcome.map(|()| true),
            }
        }
    }

    /// Returns when the read model has everything up to `position`: see
    /// [`Projector::wait_for`](super::Projector::wait_for).
    ///
    /// # Errors
    /// [`ProjectorError::Behind`] when it has not after `timeout`.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> Result<(), ProjectorError> {
        let deadline = Instant::now() + timeout.min(FOREVER);
        loop {
            let live = self.generation(GenerationState::Live).await?;
            let found = position_of(live.as_ref());
            if found >= position {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(ProjectorError::Behind {
                    projection: self.projection().clone(),
                    found,
                    wanted: position,
                    why: Stall::of(live.as_ref()),
                });
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_INTERVAL)).await;
        }
    }
}

/// Where a read model is; at the start where there is none.
fn position_of(generation: Option<&Generation>) -> Position {
    generation.map_or(Position::START, Generation::position)
}
