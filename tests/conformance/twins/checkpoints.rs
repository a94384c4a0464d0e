//! Twins of who may move a checkpoint.

use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::testing::ManualClock;
use es_core::{
    CheckpointStore, Clock, Commit, CommitError, Cursor, EventStore, Filter, GenerationState, Grant, Lease,
    Position, ProjectionId, Slices, Store, StoreError,
};
use std::sync::{Arc, Mutex};

/// Grants a lease that another owner holds: always, or when it is over by this clock.
struct TakesLeases {
    below: Arc<dyn Store>,
    clock: Option<ManualClock>,
    /// With the microsecond at which each is over.
    granted: Mutex<Vec<(Grant, i128)>>,
}

impl TakesLeases {
    fn now(&self) -> Option<i128> {
        self.clock.as_ref().map(|clock| clock.now().timestamp_micros().into())
    }

    /// The latest grant for the same generation, if its lease may be taken.
    fn over(&self, projection: &ProjectionId, lease: Lease) -> Option<Grant> {
        let now = self.now();
        let granted = self.granted.lock().unwrap();
        let same = |grant: &Grant| grant.projection == *projection && grant.lease.of == lease.of;
        let (held, ends) = granted.iter().rfind(|(grant, _)| same(grant))?;
        now.is_none_or(|now| *ends <= now).then(|| held.clone())
    }
}

#[async_trait]
impl Layer for TakesLeases {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let mut granted = self.below.acquire(projection, lease).await?;
        if granted.is_none()
            && let Some(held) = self.over(projection, lease)
        {
            self.below.release(&held, None).await?;
            granted = self.below.acquire(projection, lease).await?;
        }
        if let Some(grant) = &granted {
            let ends = self.now().unwrap_or_default() + lease.duration.as_micros().cast_signed();
            self.granted.lock().unwrap().push((grant.clone(), ends));
        }
        Ok(granted)
    }
}

pub(super) fn leases_for_all(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(TakesLeases { below, clock: None, granted: Mutex::default() }))
}

pub(super) fn leases_by(clock: ManualClock, below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(TakesLeases { below, clock: Some(clock), granted: Mutex::default() }))
}

/// Writes views behind the checkpoint.
struct Backwards(Arc<dyn Store>);

#[async_trait]
impl Layer for Backwards {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        let to = commit.to.map_or(Position::START, |to| to.position);
        if to < commit.grant.position() {
            commit.to = commit.grant.cursor;
        }
        self.0.commit(commit).await
    }
}

pub(super) fn backwards(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Backwards(below)))
}

/// At most so many views are written for a batch.
struct FewWrites(Arc<dyn Store>);

#[async_trait]
impl Layer for FewWrites {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        commit.writes.truncate(4);
        self.0.commit(commit).await
    }
}

pub(super) fn few_writes(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(FewWrites(below)))
}

/// Which end of a build is not guarded.
enum Unguarded {
    SwapByFormer,
    DiscardByFormer,
    SwapBehind,
}

struct UnguardedBuilds {
    below: Arc<dyn Store>,
    without: Unguarded,
}

impl UnguardedBuilds {
    /// The grant with the epoch of its generation as it is now.
    async fn renewed(&self, grant: &Grant) -> Result<Grant, StoreError> {
        let all = self.below.generations().await?;
        let now = all.iter().find(|one| one.id == grant.generation);
        Ok(now.map_or(grant.clone(), |now| Grant {
            epoch: now.epoch(),
            cursor: now.cursor(),
            ..grant.clone()
        }))
    }

    async fn live(&self, grant: &Grant) -> Result<Option<Cursor>, StoreError> {
        let all = self.below.generations().await?;
        let is_live = |state| state == GenerationState::Live;
        let live = all.iter().find(|one| one.projection == grant.projection && is_live(one.state));
        Ok(live.and_then(|live| live.cursor()))
    }
}

#[async_trait]
impl Layer for UnguardedBuilds {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        match self.without {
            Unguarded::SwapByFormer => self.below.swap(&self.renewed(grant).await?).await,
            Unguarded::DiscardByFormer => self.below.swap(grant).await,
            Unguarded::SwapBehind => match self.below.swap(grant).await {
                Err(CommitError::Behind { .. }) => {
                    let now = self.renewed(grant).await?;
                    let to = self.live(grant).await?;
                    self.below.commit(Commit::new(now, to)).await?;
                    self.below.swap(grant).await
                }
                outcome => outcome,
            },
        }
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        match self.without {
            Unguarded::DiscardByFormer => self.below.discard(&self.renewed(grant).await?).await,
            Unguarded::SwapByFormer | Unguarded::SwapBehind => self.below.discard(grant).await,
        }
    }
}

pub(super) fn former_builder_swaps(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(UnguardedBuilds { below, without: Unguarded::SwapByFormer }))
}

pub(super) fn former_builder_discards(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(UnguardedBuilds { below, without: Unguarded::DiscardByFormer }))
}

pub(super) fn swaps_behind(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(UnguardedBuilds { below, without: Unguarded::SwapBehind }))
}

/// Changes the cursor that an owner begins at to one that the log has.
struct BeginsAt {
    below: Arc<dyn Store>,
    only_beyond_the_head: bool,
}

#[async_trait]
impl Layer for BeginsAt {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let Some(mut grant) = self.below.acquire(projection, lease).await? else { return Ok(None) };
        let head = self.below.head().await?;
        if let Some(cursor) = grant.cursor {
            if self.only_beyond_the_head {
                grant.cursor = head.filter(|head| head.position < cursor.position).or(grant.cursor);
            } else {
                let before = Position::new(cursor.position.value().saturating_sub(1));
                let page = self.below.read_all(before, &Filter::default(), 1).await?;
                let there = page.events.first().filter(|event| event.position == cursor.position);
                let event_id = there.map_or(cursor.event_id, |event| event.event_id);
                grant.cursor = Some(Cursor { event_id, ..cursor });
            }
        }
        Ok(Some(grant))
    }
}

pub(super) fn positions_without_ids(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(BeginsAt { below, only_beyond_the_head: false }))
}

pub(super) fn begins_at_the_head(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(BeginsAt { below, only_beyond_the_head: true }))
}

/// Changes what a worker is granted of a projection that is divided.
struct Shares {
    below: Arc<dyn Store>,
    skips: bool,
}

#[async_trait]
impl Layer for Shares {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let Some(mut grant) = self.below.acquire(projection, lease).await? else { return Ok(None) };
        if !self.skips {
            grant.slices = Slices::new(grant.slices.first(), Slices::COUNT).unwrap_or(Slices::ALL);
        } else if grant.until.is_some() {
            let skip = Commit::new(grant.clone(), grant.until);
            self.below.commit(skip).await.map_err(|error| StoreError::Unusable(error.to_string()))?;
            self.below.release(&grant, None).await?;
            return self.below.acquire(projection, lease).await;
        }
        Ok(Some(grant))
    }
}

pub(super) fn keys_of_others_too(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Shares { below, skips: false }))
}

pub(super) fn together_at_the_furthest_row(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Shares { below, skips: true }))
}

/// Keeps what a former owner failed with.
struct FailuresOfAll(Arc<dyn Store>);

#[async_trait]
impl Layer for FailuresOfAll {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        let all = self.0.generations().await?;
        let found = all.iter().find(|found| found.id == grant.generation);
        let latest = found.and_then(|found| found.checkpoint(grant.slices.first()));
        let epoch = latest.map_or(grant.epoch, |checkpoint| checkpoint.epoch);
        self.0.failed(&Grant { epoch, ..grant.clone() }, cause).await
    }
}

pub(super) fn failures_of_all(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(FailuresOfAll(below)))
}
