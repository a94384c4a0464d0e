//! Building a read model beside the live one.

use super::any::LOOK_INTERVAL;
use super::follow::{Follower, Step};
use super::pages::Pages;
use super::shards::Worker;
use super::{AnyProjector, Progress, ProjectorError, check};
use crate::{CommitError, Cursor, Generation, GenerationState, Grant, Position, Shard};
use futures::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

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
        let is_first = self.generation(GenerationState::Live).await?.is_none();
        let mut followers = self.begin_building(unfinished, self.rebuild_workers).await?;
        let position = followers.iter().map(|follower| follower.grant.position()).min();
        let mut build = Build::begin(self.head().await?, position.unwrap_or(Position::START));
        build.rate_max = self.rebuild_rate_max;
        match self.build_and_swap(&mut followers, &mut build, &mut each).await {
            Ok(()) => {
                if is_first && self.shards > 1 {
                    self.divide_what_is_new().await;
                }
                Ok(build.progress)
            }
            Err(error) => {
                let others = followers.split_off(1).into_iter().map(|follower| follower.grant).collect();
                self.give_back_all(others).await;
                self.release(&followers[0].grant, Err(error)).await.map(|()| build.progress)
            }
        }
    }

    /// A read model that was never there before gets its shards; it is whole without them.
    async fn divide_what_is_new(&self) {
        if let Err(error) = self.divide(self.shards).await {
            tracing::warn!(projection = %self.projection(), error = error.chain(), "the new read model has one shard");
        }
    }

    /// Gives back leases after a failure, which is told elsewhere; one that cannot be given back runs out.
    async fn give_back_all(&self, grants: Vec<Grant>) {
        for grant in grants {
            if let Err(error) = self.release(&grant, Ok(())).await {
                tracing::debug!(projection = %self.projection(), error = error.chain(), "a lease runs out");
            }
        }
    }

    async fn build_and_swap(
        &self,
        followers: &mut [Follower],
        build: &mut Build,
        each: &mut impl FnMut(Progress),
    ) -> Result<(), ProjectorError> {
        self.meet(followers).await?;
        loop {
            match &mut *followers {
                [alone] => self.build(alone, None, build, each).await?,
                several => self.build_together(several, build, each).await?,
            }
            // By the lease that was taken last: who took over has taken it, or has not moved any other.
            let last = followers.last().expect("a build has a worker");
            match last.target.swap(&last.grant).await {
                Err(CommitError::Behind { live }) => {
                    build.progress.head = live;
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                swapped => return swapped.map_err(|error| last.commit_failed(error)),
            }
        }
    }

    /// Brings all followers to one row: where they were killed, one may have finished a page more than another.
    async fn meet(&self, followers: &mut [Follower]) -> Result<(), ProjectorError> {
        let furthest = followers.iter().map(|follower| follower.grant.position()).max();
        for follower in &mut *followers {
            if Some(follower.grant.position()) < furthest {
                follower.follow(furthest, |_, _| ()).await?;
            }
        }
        for follower in followers {
            follower.renew().await?;
        }
        Ok(())
    }

    /// Follows the log to its end, or to `until`, and shows the progress.
    pub(super) async fn build(
        &self,
        follower: &mut Follower,
        until: Option<Position>,
        build: &mut Build,
        each: &mut impl FnMut(Progress),
    ) -> Result<(), ProjectorError> {
        loop {
            let step = follower.step_ahead(until).await?;
            build.stepped(step, follower.position());
            each(build.progress);
            if !step.more && follower.write_ahead().await? {
                return Ok(());
            }
            build.keep_pace(std::slice::from_ref(follower)).await?;
        }
    }

    /// Follows the log to where its end is now, with a follower for each shard. They read each page together, and meet at
    /// one row.
    async fn build_together(
        &self,
        followers: &mut [Follower],
        build: &mut Build,
        each: &mut impl FnMut(Progress),
    ) -> Result<(), ProjectorError> {
        let until = self.head().await?;
        loop {
            let (done, all) = (watch::Sender::new(0), followers.len());
            let steps = followers.iter_mut().map(|follower| step_beside(follower, until, &done, all));
            let mut last = Step { events: 0, more: false };
            for step in join_all(steps).await {
                let step = step?;
                last = Step { events: last.events.max(step.events), more: last.more || step.more };
            }
            build.stepped(last, followers[0].position());
            each(build.progress);
            if !last.more && write_all(followers).await? {
                return Ok(());
            }
            build.keep_pace(followers).await?;
        }
    }

    /// Begins a build with one worker, and drops one that was left unfinished.
    pub(super) async fn begin_building_alone(&self) -> Result<Follower, ProjectorError> {
        let mut followers = self.begin_building(Unfinished::Discard, 1).await?;
        Ok(followers.swap_remove(0))
    }

    /// Takes the leases of the generation that is building, which is made with a shard for each worker; one that is resumed
    /// has those that it has.
    async fn begin_building(
        &self,
        unfinished: Unfinished,
        workers: u16,
    ) -> Result<Vec<Follower>, ProjectorError> {
        let owner = Uuid::now_v7();
        let found = self.generation(GenerationState::Building).await?;
        let count = found.as_ref().map_or(workers, |building| building.shards);
        let mut grants = self.grants_of_building(count, owner, found.as_ref()).await?;
        let is_new = count == workers && grants.iter().all(|grant| grant.cursor.is_none());
        if unfinished == Unfinished::Discard && !is_new {
            let discarded = self.target().discard(&grants[0]).await;
            discarded.map_err(|error| ProjectorError::commit(self.projection(), error))?;
            grants = self.grants_of_building(workers, owner, None).await?;
        }
        let mut followers = Vec::with_capacity(grants.len());
        let together = (grants.len() > 1).then(|| Arc::new(Pages::of(self.store.clone())));
        for number in 0..grants.len() {
            match self.begin(grants[number].clone()).await {
                Ok(mut follower) => {
                    follower.read_with_others(together.clone());
                    followers.push(follower);
                }
                Err(error) => {
                    // Its own was given back.
                    grants.remove(number);
                    self.give_back_all(grants).await;
                    return Err(error);
                }
            }
        }
        Ok(followers)
    }

    async fn grants_of_building(
        &self,
        count: u16,
        owner: Uuid,
        found: Option<&Generation>,
    ) -> Result<Vec<Grant>, ProjectorError> {
        let found = found.map(check::cursors);
        let mut grants = Vec::new();
        for shard in Shard::all(count) {
            let worker = self.working(Worker::alone(shard).owned(owner), self.pages.clone());
            match worker.grant_of_building(found.as_deref()).await {
                Ok(grant) => grants.push(grant),
                Err(error) => {
                    self.give_back_all(grants).await;
                    return Err(error);
                }
            }
        }
        Ok(grants)
    }

    /// Takes the lease of a shard. Where somebody has a lease of the build already, its owner may have been killed: waits
    /// until it is over, or its owner shows that it is alive.
    async fn grant_of_building(&self, found: Option<&[Option<Cursor>]>) -> Result<Grant, ProjectorError> {
        let deadline = Instant::now() + self.lease + LOOK_INTERVAL;
        loop {
            // Looked at before the last attempt: however slow that is, it comes after the lease that was found.
            let waited_long_enough = Instant::now() > deadline;
            let now = self.generation(GenerationState::Building).await?;
            let owners =
                now.iter().flat_map(|building| &building.checkpoints).filter_map(|place| place.owner);
            let is_anothers = owners.into_iter().any(|owner| owner != self.worker.owner());
            if !is_anothers {
                match self.grant(GenerationState::Building).await? {
                    Some(grant) if grant.until.is_some() => {
                        self.follow_part(self.begin(grant).await?).await?;
                        continue;
                    }
                    Some(grant) => return Ok(grant),
                    None => (),
                }
            }
            let moved = is_anothers && now.as_ref().map(check::cursors).as_deref() != found;
            if moved || waited_long_enough {
                return Err(ProjectorError::Held(self.projection().clone()));
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Brings a part of a shard to where the others are, and gives it back.
    pub(super) async fn follow_part(&self, mut follower: Follower) -> Result<(), ProjectorError> {
        let until = follower.grant.until.map(|until| until.position);
        let followed = follower.follow(until, |_, _| ()).await;
        if followed.is_ok() && !follower.is_done_with_its_part() {
            // Others do not show that row yet.
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        self.release(&follower.grant, followed).await
    }

    pub(super) async fn head(&self) -> Result<Position, ProjectorError> {
        let head = self.store.head().await.map_err(|source| self.cannot_go_on(source))?;
        Ok(head.map_or(Position::START, |head| head.position))
    }
}

/// Steps, and renews the lease until all others have stepped, too.
async fn step_beside(
    follower: &mut Follower,
    until: Position,
    done: &watch::Sender<usize>,
    all: usize,
) -> Result<Step, ProjectorError> {
    let step = follower.step_ahead(Some(until)).await;
    done.send_modify(|done| *done += 1);
    let mut others = done.subscribe();
    let step = step?;
    let pause = follower.grant.lease.duration / 3;
    while tokio::time::timeout(pause, others.wait_for(|done| *done == all)).await.is_err() {
        follower.renew().await?;
    }
    Ok(step)
}

/// Writes what all of them have folded; says whether none has gone back.
async fn write_all(followers: &mut [Follower]) -> Result<bool, ProjectorError> {
    let mut all = true;
    for written in join_all(followers.iter_mut().map(Follower::write_ahead)).await {
        all &= written?;
    }
    Ok(all)
}

/// A build under way.
pub(super) struct Build {
    pub(super) progress: Progress,
    began: Instant,
    /// How many events are read in a second at the most.
    rate_max: Option<u32>,
}

impl Build {
    pub(super) fn begin(head: Position, position: Position) -> Self {
        let began = Instant::now();
        let progress = Progress { position, head, events: 0, elapsed: began.elapsed() };
        Self { progress, began, rate_max: None }
    }

    fn stepped(&mut self, step: Step, position: Position) {
        let Progress { head, events, position: furthest, .. } = self.progress;
        // What is folded once more, after it has gone back, was shown already.
        let events = if position > furthest { events + step.events as u64 } else { events };
        self.progress = Progress {
            position: position.max(furthest),
            head: head.max(position),
            events,
            elapsed: self.began.elapsed(),
        };
    }

    /// Waits until as much time has passed as the events that were read must take, and renews the leases meanwhile.
    async fn keep_pace(&self, followers: &[Follower]) -> Result<(), ProjectorError> {
        let Some(rate_max) = self.rate_max else { return Ok(()) };
        let due = Duration::from_secs_f64(self.progress.events as f64 / f64::from(rate_max));
        while let Some(left) = due.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero()) {
            let lease = followers[0].grant.lease.duration;
            tokio::time::sleep(left.min(lease / 3)).await;
            for follower in followers {
                follower.renew().await?;
            }
        }
        Ok(())
    }
}
