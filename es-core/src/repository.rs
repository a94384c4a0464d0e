//! [`Repository`].

mod command;
mod load;
mod metrics;
mod snapshotter;
mod state_cache;

use crate::{
    Aggregate, Committed, ExecuteError, Handle, IdSource, Loaded, Metadata, Retry, Snapshots, Store,
    StoreError, StreamId, UuidV7, Version,
};
use chrono::{DateTime, Utc};
use metrics::RepositoryMetrics;
use serde::{Serialize, de::DeserializeOwned};
use snapshotter::Snapshotter;
use state_cache::StateCache;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Loads aggregates of one kind and carries out commands on them.
///
/// A clone shares the store, the snapshots and the cache, so one can be made for each request:
///
/// ```
/// # use es_core::{Aggregate, Apply, Event, Id, Metadata, Repository};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "counter")]
/// # enum CounterEvent { Counted }
/// # #[derive(Debug, Aggregate)]
/// # #[aggregate(event = CounterEvent, error = std::fmt::Error)]
/// # struct Counter { id: Id<Counter>, count: u32 }
/// # impl Apply<CounterEvent> for Counter { fn apply(&mut self, _: &CounterEvent) { self.count += 1; } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let counters = Repository::<Counter>::new(es_memory::MemoryStore::default());
/// let id = Id::new();
/// let by_alice = counters.with(Metadata::new().by("alice"));
/// let committed = by_alice.decide(id, |_| Ok(vec![CounterEvent::Counted])).await?;
/// assert_eq!((committed.state.count, committed.version.value()), (1, 1));
/// # assert!(!committed.state.id.uuid().is_nil());
/// # Ok(())
/// # }
/// ```
pub struct Repository<A> {
    store: Arc<dyn Store>,
    metadata: Metadata,
    expected: Option<Version>,
    retry: Retry,
    ids: Arc<dyn IdSource>,
    snapshotter: Option<Snapshotter<A>>,
    cache: Option<StateCache<A>>,
    metrics: Arc<RepositoryMetrics>,
}

impl<A: Aggregate> Repository<A> {
    /// A repository on `store`, which may be any store or an `Arc<dyn Store>`.
    pub fn new(store: impl Store) -> Self {
        Self {
            store: Arc::new(store),
            metadata: Metadata::new(),
            expected: None,
            retry: Retry::default(),
            ids: Arc::new(UuidV7),
            snapshotter: None,
            cache: None,
            metrics: Arc::new(RepositoryMetrics::of(A::NAME)),
        }
    }

    /// Saves snapshots and loads from them.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Snapshots) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        Self { snapshotter: Some(Snapshotter::new(snapshots)), ..self }
    }

    /// Keeps the states of the `aggregates_max` aggregates that were used last, so that a command need not load them.
    ///
    /// The expected version of the append keeps the cache honest, and a refusal on a cached state is decided again on
    /// a fresh one.
    #[must_use]
    pub fn with_cache(self, aggregates_max: usize) -> Self
    where
        A: Clone,
    {
        Self { cache: Some(StateCache::new(aggregates_max)), ..self }
    }

    /// Sets how often a lost race is run again, and a failed append sent again.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Sets where event ids come from.
    #[must_use]
    pub fn with_ids(self, ids: impl IdSource) -> Self {
        Self { ids: Arc::new(ids), ..self }
    }

    /// The same repository for commands that carry `metadata`, which their events inherit.
    #[must_use]
    pub fn with(&self, metadata: Metadata) -> Self {
        Self { metadata, ..self.clone() }
    }

    /// The same repository for commands that were decided on at `version` (`If-Match`): when the stream is elsewhere,
    /// they end with [`ExecuteError::Conflict`] rather than be decided again.
    #[must_use]
    pub fn at(&self, version: Version) -> Self {
        Self { expected: Some(version), ..self.clone() }
    }

    /// The aggregate as it is now; one without events is at [`Version::ZERO`].
    ///
    /// # Errors
    /// [`StoreError`] when the stream cannot be read or decoded.
    pub async fn load(&self, id: impl Borrow<A::Id>) -> Result<Loaded<A>, StoreError> {
        let stream = StreamId::of::<A>(id.borrow())?;
        Ok(self.load_newest(id.borrow(), &stream).await?.0)
    }

    /// The aggregate as it was at `version`, or as it is if it has fewer events.
    ///
    /// # Errors
    /// [`StoreError`] when the stream cannot be read or decoded.
    pub async fn load_at(&self, id: impl Borrow<A::Id>, version: Version) -> Result<Loaded<A>, StoreError> {
        self.load_while(id.borrow(), version, |_| true).await
    }

    /// The aggregate as it was at `time` by the store's clock: without the first event that was recorded after
    /// `time`, and without what follows that one.
    ///
    /// # Errors
    /// [`StoreError`] when the stream cannot be read or decoded.
    pub async fn load_as_of(
        &self,
        id: impl Borrow<A::Id>,
        time: DateTime<Utc>,
    ) -> Result<Loaded<A>, StoreError> {
        self.load_while(id.borrow(), Version::new(u64::MAX >> 1), |recorded_at| recorded_at <= time).await
    }

    /// Carries out `command`: loads, decides, appends; and again from the start when another writer was first.
    ///
    /// With a [`command_id`](Metadata::command_id) in the metadata the command has one effect and one answer however
    /// often it is sent, also at the same time.
    ///
    /// # Errors
    /// [`ExecuteError::Rejected`] when the domain says no, [`ExecuteError::Conflict`] when other writers were first
    /// each time, [`ExecuteError::Store`] for the rest.
    pub async fn execute<C>(
        &self,
        id: impl Borrow<A::Id>,
        command: C,
    ) -> Result<Committed<A>, ExecuteError<A::Error>>
    where
        A: Handle<C>,
    {
        self.decide(id, |state| state.handle(&command)).await
    }

    /// Carries out a decision that is written in place; what it depends on, it captures. It may run several times.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn decide<F>(
        &self,
        id: impl Borrow<A::Id>,
        decision: F,
    ) -> Result<Committed<A>, ExecuteError<A::Error>>
    where
        F: Fn(&A) -> Result<Vec<A::Event>, A::Error>,
    {
        self.run(id.borrow(), &decision).await
    }

    /// Waits until the snapshots of earlier commands are written, or given up; for an orderly end.
    pub async fn settle(&self) {
        if let Some(snapshotter) = &self.snapshotter {
            snapshotter.settle().await;
        }
    }
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            metadata: self.metadata.clone(),
            expected: self.expected,
            retry: self.retry,
            ids: self.ids.clone(),
            snapshotter: self.snapshotter.clone(),
            cache: self.cache.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

impl<A: Aggregate> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("aggregate", &A::NAME)
            .field("at", &self.expected)
            .finish_non_exhaustive()
    }
}
