//! [`AnyProjector`].

use super::follow::Follower;
use super::metrics::ProjectorMetrics;
use super::pages::Pages;
use super::shards::Worker;
use super::{ProjectorError, Target};
use crate::{
    Generation, GenerationState, Grant, Lease, PAGE_EVENTS_MAX, ProjectionId, Retry, Shard, Slices,
    StartFrom, Store, StoreError,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often to look whether another owner's lease is over, or a read model has got somewhere.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Longer than anybody waits, and short enough to be added to a time.
pub(super) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 10);

type MakeTarget = dyn Fn(Arc<dyn Store>) -> Box<dyn Target> + Send + Sync;

/// A [`Projector`](super::Projector) without the type of its projection.
#[derive(Clone)]
pub struct AnyProjector {
    pub(super) store: Arc<dyn Store>,
    projection: ProjectionId,
    target: Arc<MakeTarget>,
    pub(super) batch_events_max: usize,
    /// How many events a build reads at a time.
    pub(super) build_events_max: usize,
    pub(super) lease: Duration,
    poll_interval: Duration,
    pub(super) metrics: Arc<ProjectorMetrics>,
    begin: StartFrom,
    pub(super) pages: Option<Arc<Pages>>,
    /// Whether it may have several shards.
    pub(super) divisible: bool,
    /// How many a generation is made with.
    pub(super) shards: u16,
    pub(super) worker: Worker,
    pub(super) rebuild_workers: u16,
    pub(super) rebuild_rate_max: Option<u32>,
    pub(super) rebuild_bytes_max: Option<usize>,
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
            build_events_max: PAGE_EVENTS_MAX,
            lease: Duration::from_secs(2),
            poll_interval: Duration::from_millis(100),
            metrics,
            begin: StartFrom::Beginning,
            pages: None,
            divisible: false,
            shards: 1,
            worker: Worker::alone(Shard::WHOLE),
            rebuild_workers: 1,
            rebuild_rate_max: None,
            rebuild_bytes_max: None,
        }
    }

    /// Lets it be divided into shards: each view depends on the events with its key, and on nothing else.
    pub(super) fn divisible(self) -> Self {
        Self { divisible: true, ..self }
    }

    /// Sets into how many shards a read model is divided when it is made; see
    /// [`Projector::with_shards`](super::Projector::with_shards). A projection in SQL has one.
    #[must_use]
    pub fn with_shards(self, shards: u16) -> Self {
        let shards = if self.divisible { shards.clamp(1, Slices::COUNT) } else { 1 };
        Self { shards, ..self }
    }

    /// Sets how many workers a rebuild has in this process, each for a part of the keys; 1 by default. A projection in SQL
    /// has one. Several halt at an event that cannot be decoded or has no key, where one may park it; see
    /// [`Projector::with_shards`](super::Projector::with_shards).
    #[must_use]
    pub fn with_rebuild_workers(self, workers: u16) -> Self {
        let workers = if self.divisible { workers.clamp(1, Slices::COUNT) } else { 1 };
        Self { rebuild_workers: workers, ..self }
    }

    /// Sets how many events a rebuild reads in a second at the most, to leave the rest to others; there is no limit by
    /// default.
    #[must_use]
    pub fn with_rebuild_rate_max(self, events_per_second: u32) -> Self {
        Self { rebuild_rate_max: Some(events_per_second.max(1)), ..self }
    }

    /// Sets how many bytes of views each worker of a rebuild folds in memory before it writes them; as many as
    /// [the store](crate::CheckpointStore::held_bytes_max) says by default. With 0, every batch is written.
    #[must_use]
    pub fn with_rebuild_bytes_max(self, bytes: usize) -> Self {
        Self { rebuild_bytes_max: Some(bytes), ..self }
    }

    /// Sets how many events are read, folded and committed at a time.
    #[must_use]
    pub fn with_batch_events_max(self, batch_events_max: usize) -> Self {
        let batch_events_max = batch_events_max.max(1);
        Self { batch_events_max, build_events_max: batch_events_max, ..self }
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

    /// The same for a part of its work.
    pub(super) fn working(&self, worker: Worker, pages: Option<Arc<Pages>>) -> Self {
        Self { worker, pages, ..self.clone() }
    }

    /// The projection.
    pub fn projection(&self) -> &ProjectionId {
        &self.projection
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Follows the log until `shutdown`: see [`Projector::run`](super::Projector::run).
    ///
    /// # Errors
    /// [`ProjectorError`].
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        self.each_shard(shutdown, |shard, round| async move { shard.run_shard(round).await }).await
    }

    pub(super) async fn run_shard(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let retry = Retry::default().with_delay_max(Duration::from_secs(5));
        let mut pace = Pace { failed: 0, batch_events_max: self.batch_events_max, looked: None };
        while !shutdown.is_cancelled() {
            match self.run_once(&shutdown, &mut pace).await {
                Err(error) if error.is_transient() => {
                    pace.failed += 1;
                    self.metrics.retries.increment(1);
                    if matches!(error, ProjectorError::Fenced(_)) {
                        pace.looked = None;
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
        let mut grant = self.grant(GenerationState::Live).await?;
        if grant.is_none() && pace.looked.is_none_or(|looked| looked.elapsed() > self.lease / 2) {
            pace.looked = Some(Instant::now());
            grant = self.look_around().await?;
        }
        let Some(grant) = grant else {
            wait(shutdown, self.poll_interval.min(self.lease)).await;
            return Ok(());
        };
        let mut follower = self.begin(grant).await?;
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
        let part = follower.grant.until.map(|until| until.position);
        while !shutdown.is_cancelled() {
            let step = follower.step(part).await?;
            pace.failed = 0;
            if step.events > 0 {
                pace.batch_events_max = (pace.batch_events_max * 2).min(self.batch_events_max);
                renewed = Instant::now();
            } else if renewed.elapsed() > self.lease / 3 {
                follower.renew().await?;
                renewed = Instant::now();
            }
            if follower.is_done_with_its_part() {
                return Ok(());
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
    pub(super) async fn acquire(&self, of: GenerationState) -> Result<Option<Follower>, ProjectorError> {
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
        let (shard, owner) = (self.worker.shard, self.worker.owner());
        let lease = Lease { of, shard, owner, duration: self.lease, begin, takes_over };
        let grant = self.store.acquire(&self.projection, lease).await;
        let grant = grant.map_err(|source| self.cannot_go_on(source))?;
        if grant.is_some() {
            self.metrics.generation(of).leases_taken.increment(1);
        }
        Ok(grant)
    }

    /// How long it waits at the end of the log, before it looks again or renews the lease.
    pub(super) fn idle_max(&self) -> Duration {
        self.poll_interval.min(self.lease / 3)
    }

    pub(super) fn target(&self) -> Box<dyn Target> {
        (self.target)(self.store.clone())
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

/// How a running projector goes on after what is transient.
#[derive(Debug)]
struct Pace {
    failed: u32,
    batch_events_max: usize,
    /// When it last saw what became of a shard that it could not take.
    looked: Option<Instant>,
}

pub(super) async fn wait(shutdown: &CancellationToken, delay: Duration) {
    tokio::select! {
        () = shutdown.cancelled() => (),
        () = tokio::time::sleep(delay) => (),
    }
}
