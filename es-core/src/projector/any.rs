//! [`AnyProjector`].

use super::follow::Follower;
use super::metrics::ProjectorMetrics;
use super::pages::Pages;
use super::{ProjectorError, Stall, Target};
use crate::{
    Generation, GenerationState, Grant, Halt, Lease, Position, ProjectionId, Retry, StartFrom, Store,
    StoreError,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often to look whether another owner's lease is over, or a read model has got somewhere.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Longer than anybody waits, and short enough to be added to a time.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 10);

type MakeTarget = dyn Fn(Arc<dyn Store>) -> Box<dyn Target> + Send + Sync;

/// A [`Projector`](super::Projector) without the type of its projection.
#[derive(Clone)]
pub struct AnyProjector {
    pub(super) store: Arc<dyn Store>,
    projection: ProjectionId,
    target: Arc<MakeTarget>,
    batch_events_max: usize,
    pub(super) lease: Duration,
    poll_interval: Duration,
    pub(super) metrics: Arc<ProjectorMetrics>,
    begin: StartFrom,
    pages: Option<Arc<Pages>>,
}

impl AnyProjector {
    /// A projector that gives its events to a `target`, made anew each time it takes a lease.
    pub fn new(
        store: Arc<dyn Store>,
        projection: ProjectionId,
        target: impl Fn(Arc<dyn Store>) -> Box<dyn Target> + Send + Sync + 'static,
    ) -> Self {
        let metrics = Arc::new(ProjectorMetrics::of(&projection));
        Self {
            store,
            projection,
            target: Arc::new(target),
            batch_events_max: 1_000,
            lease: Duration::from_secs(2),
            poll_interval: Duration::from_millis(100),
            metrics,
            begin: StartFrom::Beginning,
            pages: None,
        }
    }

    /// Sets how many events are read, folded and committed at a time.
    #[must_use]
    pub fn with_batch_events_max(self, batch_events_max: usize) -> Self {
        Self { batch_events_max: batch_events_max.max(1), ..self }
    }

    /// Sets how long the lease holds when its owner is gone.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease: lease.min(FOREVER), ..self }
    }

    /// Sets how long to wait before looking at the log although nothing has woken the projector.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval: poll_interval.min(FOREVER), ..self }
    }

    /// Sets where it starts when it has never run before.
    pub(crate) fn beginning(self, begin: StartFrom) -> Self {
        Self { begin, ..self }
    }

    /// Lets it read the end of the log together with others.
    pub(crate) fn reading(self, pages: Arc<Pages>) -> Self {
        Self { pages: Some(pages), ..self }
    }

    /// The projection.
    pub fn projection(&self) -> &ProjectionId {
        &self.projection
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Follows the log up to where its end is now: see [`Projector::catch_up`](super::Projector::catch_up).
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn catch_up(&self) -> Result<Position, ProjectorError> {
        let until = self.head().await?;
        loop {
            let Some(mut follower) = self.acquire(GenerationState::Live).await? else {
                // Its owner looks after the history; all that is left to do here is to wait.
                let live = self.generation(GenerationState::Live).await?;
                if position_of(live.as_ref()) >= until {
                    return Ok(until);
                }
                if live.is_some_and(|live| live.paused) {
                    return Err(ProjectorError::Paused(self.projection.clone()));
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            let followed = follower.follow(Some(until), |_, _| ()).await;
            match self.release(&follower.grant, followed).await {
                Err(ProjectorError::Fenced(_)) => (),
                outcome => return outcome.map(|()| until),
            }
        }
    }

    /// Follows the log until `shutdown`: see [`Projector::run`](super::Projector::run).
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let mut pace = Pace { failed: 0, batch_events_max: self.batch_events_max };
        while !shutdown.is_cancelled() {
            match self.run_once(&shutdown, &mut pace).await {
                Err(error) if error.is_transient() => {
                    pace.failed += 1;
                    self.metrics.retries.increment(1);
                    if matches!(error, ProjectorError::Fenced(_)) {
                        // Perhaps a batch took longer than the lease: a smaller one may not.
                        pace.batch_events_max = (pace.batch_events_max / 2).max(1);
                    }
                    tracing::warn!(projection = %self.projection, ?pace, error = error.chain(), "projector retries");
                    wait(&shutdown, retry.delay(pace.failed)).await;
                }
                outcome => outcome?,
            }
        }
        Ok(())
    }

    /// Takes the lease if it is free, and follows the log until shutdown or an error.
    async fn run_once(&self, shutdown: &CancellationToken, pace: &mut Pace) -> Result<(), ProjectorError> {
        let Some(mut follower) = self.acquire(GenerationState::Live).await? else {
            wait(shutdown, self.poll_interval.min(self.lease)).await;
            return Ok(());
        };
        follower.batch_events_max = pace.batch_events_max;
        let outcome = self.follow_until_shutdown(&mut follower, shutdown, pace).await;
        self.release(&follower.grant, outcome).await
    }

    async fn follow_until_shutdown(
        &self,
        follower: &mut Follower,
        shutdown: &CancellationToken,
        pace: &mut Pace,
    ) -> Result<(), ProjectorError> {
        let mut wake_ups = self.store.wake_ups();
        let mut renewed = Instant::now();
        while !shutdown.is_cancelled() {
            let step = follower.step(None).await?;
            pace.failed = 0;
            if step.events > 0 {
                pace.batch_events_max = (pace.batch_events_max * 2).min(self.batch_events_max);
                renewed = Instant::now();
            } else if renewed.elapsed() > self.lease / 3 {
                follower.renew().await?;
                renewed = Instant::now();
            }
            if !step.more {
                let idle_max = self.idle_max();
                tokio::select! {
                    () = shutdown.cancelled() => (),
                    () = wake_ups.changed_or(idle_max) => (),
                }
            }
        }
        Ok(())
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
                    projection: self.projection.clone(),
                    found,
                    wanted: position,
                    why: Stall::of(live.as_ref()),
                });
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + LOOK_INTERVAL)).await;
        }
    }

    /// The projection's live generation, or the one that is building.
    pub(super) async fn generation(
        &self,
        state: GenerationState,
    ) -> Result<Option<Generation>, ProjectorError> {
        let generations = self.store.generations().await.map_err(|source| self.cannot_go_on(source))?;
        let is_wanted = |found: &Generation| found.projection == self.projection && found.state == state;
        Ok(generations.into_iter().find(is_wanted))
    }

    /// Takes the lease of a generation and begins to follow; nothing while another owner has it.
    async fn acquire(&self, of: GenerationState) -> Result<Option<Follower>, ProjectorError> {
        match self.grant(of).await? {
            Some(grant) => self.begin(grant).await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes the lease of a generation; nothing while another owner has it.
    pub(super) async fn grant(&self, of: GenerationState) -> Result<Option<Grant>, ProjectorError> {
        self.grant_by(of, false).await
    }

    /// Takes the lease of a generation from whoever has it; nothing while it is paused.
    pub(super) async fn grant_taken_over(
        &self,
        of: GenerationState,
    ) -> Result<Option<Grant>, ProjectorError> {
        self.grant_by(of, true).await
    }

    async fn grant_by(&self, of: GenerationState, takes_over: bool) -> Result<Option<Grant>, ProjectorError> {
        let begin = self.begin.cursor(&*self.store).await.map_err(|source| self.cannot_go_on(source))?;
        let lease = Lease { of, owner: Uuid::now_v7(), duration: self.lease, begin, takes_over };
        let grant = self.store.acquire(&self.projection, lease).await;
        let grant = grant.map_err(|source| self.cannot_go_on(source))?;
        if grant.is_some() {
            self.metrics.generation(of).leases_taken.increment(1);
        }
        Ok(grant)
    }

    /// How long it waits at the end of the log, before it looks again or renews the lease.
    fn idle_max(&self) -> Duration {
        self.poll_interval.min(self.lease / 3)
    }

    pub(super) fn target(&self) -> Box<dyn Target> {
        (self.target)(self.store.clone())
    }

    /// Begins to follow by the right of `grant`, which is given back if that fails.
    pub(super) async fn begin(&self, grant: Grant) -> Result<Follower, ProjectorError> {
        let metrics = self.metrics.generation(grant.lease.of);
        let pages = self.pages.clone().map(|pages| (pages, self.idle_max()));
        let begun =
            Follower::begin(grant.clone(), self.target(), self.batch_events_max, pages, metrics).await;
        if let Err(error) = &begun
            && let Err(error) = self.give_back(&grant, Some(error)).await
        {
            tracing::warn!(projection = %self.projection, error = error.chain(), "the lease could not be given back");
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
        self.store.release(grant, halt).await.map_err(|source| self.cannot_go_on(source))
    }

    pub(super) fn cannot_go_on(&self, source: StoreError) -> ProjectorError {
        ProjectorError::store(&self.projection, source)
    }
}

impl fmt::Debug for AnyProjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projector").field("projection", &self.projection).finish_non_exhaustive()
    }
}

/// Where a read model is; at the start where there is none.
fn position_of(generation: Option<&Generation>) -> Position {
    generation.map_or(Position::START, Generation::position)
}

/// How a running projector goes on after what is transient.
#[derive(Debug)]
struct Pace {
    failed: u32,
    batch_events_max: usize,
}

pub(super) async fn wait(shutdown: &CancellationToken, delay: Duration) {
    tokio::select! {
        () = shutdown.cancelled() => (),
        () = tokio::time::sleep(delay) => (),
    }
}
