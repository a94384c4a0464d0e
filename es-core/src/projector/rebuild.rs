//! Building a read model beside the live one.

use super::any::LOOK_INTERVAL;
use super::follow::Follower;
use super::{AnyProjector, Progress, ProjectorError};
use crate::{CommitError, GenerationState, Position};
use std::time::Instant;

/// What becomes of a build that was left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    /// Drop it: nobody knows whether the same program began it.
    Discard,
    /// Go on with it.
    Resume,
}

impl AnyProjector {
    /// Replays the log beside the live read model and swaps: see [`Projector::rebuild`](super::Projector::rebuild).
    /// `each` sees the progress of every batch.
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn rebuild(&self, each: impl FnMut(Progress)) -> Result<Progress, ProjectorError> {
        self.replay(Unfinished::Discard, each).await
    }

    /// Goes on with a rebuild that was killed: see [`Projector::resume_rebuild`](super::Projector::resume_rebuild).
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn resume_rebuild(&self, each: impl FnMut(Progress)) -> Result<Progress, ProjectorError> {
        self.replay(Unfinished::Resume, each).await
    }

    async fn replay(
        &self,
        unfinished: Unfinished,
        mut each: impl FnMut(Progress),
    ) -> Result<Progress, ProjectorError> {
        let mut follower = self.begin_building(unfinished).await?;
        let mut build = Build::begin(self.head().await?, follower.grant.position());
        let outcome = self.build_and_swap(&mut follower, &mut build, &mut each).await;
        match outcome {
            Ok(()) => Ok(build.progress),
            Err(error) => self.release(&follower.grant, Err(error)).await.map(|()| build.progress),
        }
    }

    async fn build_and_swap(
        &self,
        follower: &mut Follower,
        build: &mut Build,
        each: &mut impl FnMut(Progress),
    ) -> Result<(), ProjectorError> {
        loop {
            self.build(follower, None, build, each).await?;
            match follower.target.swap(&follower.grant).await {
                Err(CommitError::Behind { live }) => {
                    build.progress.head = live;
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                swapped => return swapped.map_err(|error| follower.commit_failed(error)),
            }
        }
    }

    /// Follows the log to its end, or to `until`, and shows the progress.
    pub(super) async fn build(
        &self,
        follower: &mut Follower,
        until: Option<Position>,
        build: &mut Build,
        each: &mut impl FnMut(Progress),
    ) -> Result<(), ProjectorError> {
        follower
            .follow(until, |grant, step| {
                build.progress.events += step.events as u64;
                build.progress.elapsed = build.began.elapsed();
                build.progress.position = grant.position();
                build.progress.head = build.progress.head.max(grant.position());
                each(build.progress);
            })
            .await
    }

    /// Takes the lease of the generation that is building. Where there is a lease already, its owner may have been
    /// killed: waits until it is over, or its owner shows that it is alive.
    pub(super) async fn begin_building(&self, unfinished: Unfinished) -> Result<Follower, ProjectorError> {
        let held = || ProjectorError::Held(self.projection().clone());
        let found = self.generation(GenerationState::Building).await?.and_then(|building| building.cursor);
        let deadline = Instant::now() + self.lease + LOOK_INTERVAL;
        let grant = loop {
            // Looked at before the last attempt: however slow that is, it comes after the lease that was found.
            let waited_long_enough = Instant::now() > deadline;
            if let Some(grant) = self.grant(GenerationState::Building).await? {
                break grant;
            }
            let now = self.generation(GenerationState::Building).await?.and_then(|building| building.cursor);
            if now != found || waited_long_enough {
                return Err(held());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        };
        if unfinished == Unfinished::Resume || grant.cursor.is_none() {
            return self.begin(grant).await;
        }
        let discarded = self.target().discard(&grant).await;
        discarded.map_err(|error| ProjectorError::commit(self.projection(), error))?;
        let grant = self.grant(GenerationState::Building).await?.ok_or_else(held)?;
        self.begin(grant).await
    }

    pub(super) async fn head(&self) -> Result<Position, ProjectorError> {
        let head = self.store.head().await.map_err(|source| self.cannot_go_on(source))?;
        Ok(head.map_or(Position::START, |head| head.position))
    }
}

/// A build under way.
pub(super) struct Build {
    pub(super) progress: Progress,
    began: Instant,
}

impl Build {
    pub(super) fn begin(head: Position, position: Position) -> Self {
        let began = Instant::now();
        Self { progress: Progress { position, head, events: 0, elapsed: began.elapsed() }, began }
    }
}
