//! Twins of what is made from the log: views, checkpoints, snapshots.

use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    CheckpointStore, Commit, CommitError, EventStore, GenerationState, Grant, Halt, ProjectionId, Snapshot,
    SnapshotStore, Store, StoreError, StreamId, StreamPage, StreamRange, ViewStore, ViewWrite,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Which guard of a commit is missing.
enum Unguarded {
    Epoch,
    Cursor,
}

struct UnguardedCommits {
    below: Arc<dyn Store>,
    without: Unguarded,
}

#[async_trait]
impl Layer for UnguardedCommits {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        let all = self.below.generations().await?;
        if let Some(now) = all.iter().find(|one| one.id == commit.grant.generation) {
            match self.without {
                Unguarded::Epoch => {
                    commit.grant.epoch = now.epoch();
                    commit.grant.cursor = now.cursor();
                    commit.to = if now.cursor().map(|now| now.position) > commit.to.map(|to| to.position) {
                        now.cursor()
                    } else {
                        commit.to
                    };
                }
                Unguarded::Cursor => commit.grant.cursor = now.cursor(),
            }
        }
        self.below.commit(commit).await
    }
}

pub(super) fn no_epochs(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(UnguardedCommits { below, without: Unguarded::Epoch }))
}

pub(super) fn no_cursors(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(UnguardedCommits { below, without: Unguarded::Cursor }))
}

/// Writes the views in one transaction, and moves the checkpoint in another.
struct ViewsFirst(Arc<dyn Store>);

#[async_trait]
impl Layer for ViewsFirst {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let Commit { grant, to, writes, letters } = commit;
        self.0.commit(Commit { grant: grant.clone(), to: grant.cursor, writes, letters: Vec::new() }).await?;
        tokio::task::yield_now().await;
        self.0.commit(Commit { letters, ..Commit::new(grant, to) }).await
    }
}

pub(super) fn views_first(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(ViewsFirst(below)))
}

struct NoHalts(Arc<dyn Store>);

#[async_trait]
impl Layer for NoHalts {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn release(&self, grant: &Grant, _: Option<Halt>) -> Result<(), StoreError> {
        self.0.release(grant, None).await
    }
}

pub(super) fn no_halts(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(NoHalts(below)))
}

/// Says a projection is paused, and leaves it as it was.
struct PausesNothing(Arc<dyn Store>);

#[async_trait]
impl Layer for PausesNothing {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn pause(&self, _: &ProjectionId) -> Result<bool, StoreError> {
        Ok(true)
    }
}

pub(super) fn no_pauses(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(PausesNothing(below)))
}

/// What a swap does with the views.
enum Swap {
    /// Drops what was built.
    Drops,
    /// Keeps what was live beside what was built.
    Mixes,
}

struct BadSwap {
    below: Arc<dyn Store>,
    swap: Swap,
}

#[async_trait]
impl Layer for BadSwap {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let old = self.below.views(&grant.projection, None, usize::MAX >> 1).await?;
        let writes: Vec<ViewWrite> = match self.swap {
            Swap::Drops => {
                let built = self.below.generation_views(grant.generation, None, usize::MAX >> 1).await?;
                built.into_iter().map(|(key, _)| ViewWrite { key, view: None }).collect()
            }
            Swap::Mixes => old.into_iter().map(|(key, view)| ViewWrite { key, view: Some(view) }).collect(),
        };
        let now = self.below.generations().await?;
        let cursor = now.iter().find(|one| one.id == grant.generation).and_then(|one| one.cursor());
        let at = Grant { cursor, ..grant.clone() };
        self.below.commit(Commit { grant: at, to: cursor, writes, letters: Vec::new() }).await?;
        self.below.swap(grant).await
    }
}

pub(super) fn swap_drops(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(BadSwap { below, swap: Swap::Drops }))
}

pub(super) fn swap_mixes(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(BadSwap { below, swap: Swap::Mixes }))
}

/// Changes pages of views.
type ViewsPage = Vec<(String, String)>;

struct ViewsAs {
    below: Arc<dyn Store>,
    page: fn(ViewsPage, Option<&str>, usize) -> ViewsPage,
}

#[async_trait]
impl Layer for ViewsAs {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        let all = self.views(projection, None, usize::MAX >> 1).await?;
        Ok(all.into_iter().find(|(found, _)| found == key).map(|(_, view)| view))
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ViewsPage, StoreError> {
        let all = self.below.views(projection, None, usize::MAX >> 1).await?;
        Ok((self.page)(all, after, limit))
    }
}

fn views_as(below: Arc<dyn Store>, page: fn(ViewsPage, Option<&str>, usize) -> ViewsPage) -> Arc<dyn Store> {
    Arc::new(Layered(ViewsAs { below, page }))
}

pub(super) fn keys_without_case(below: Arc<dyn Store>) -> Arc<dyn Store> {
    views_as(below, |mut all, after, limit| {
        all.sort_by_key(|(key, _)| key.to_lowercase());
        let behind = |key: &str| after.is_none_or(|after| key.to_lowercase() > after.to_lowercase());
        all.into_iter().filter(|(key, _)| behind(key)).take(limit).collect()
    })
}

pub(super) fn border_again(below: Arc<dyn Store>) -> Arc<dyn Store> {
    views_as(below, |all, after, limit| {
        let behind = |key: &str| after.is_none_or(|after| key >= after);
        // Of a page with one key the border is left out, or a reader would stay there for ever.
        all.into_iter().filter(|(key, _)| behind(key)).skip(usize::from(limit == 1)).take(limit).collect()
    })
}

pub(super) fn parsed_views(below: Arc<dyn Store>) -> Arc<dyn Store> {
    views_as(below, |all, after, limit| {
        let parsed =
            |view: String| serde_json::from_str::<serde_json::Value>(&view).map_or(view, |v| v.to_string());
        let behind = all.into_iter().filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        behind.map(|(key, view)| (key, parsed(view))).take(limit).collect()
    })
}

/// Reads what is building, where there is something.
struct BuildingIsRead(Arc<dyn Store>);

#[async_trait]
impl Layer for BuildingIsRead {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ViewsPage, StoreError> {
        let all = self.0.generations().await?;
        let is_building = |state| state == GenerationState::Building;
        match all.iter().find(|one| one.projection == *projection && is_building(one.state)) {
            Some(building) => self.0.generation_views(building.id, after, limit).await,
            None => self.0.views(projection, after, limit).await,
        }
    }
}

pub(super) fn building_is_read(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(BuildingIsRead(below)))
}

struct NoDeletions(Arc<dyn Store>);

#[async_trait]
impl Layer for NoDeletions {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        commit.writes.retain(|write| write.view.is_some());
        self.0.commit(commit).await
    }
}

pub(super) fn no_deletions(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(NoDeletions(below)))
}

/// Keeps the snapshot that was saved last.
struct LastSnapshot {
    below: Arc<dyn Store>,
    saved: Mutex<HashMap<(StreamId, u32), Snapshot>>,
}

#[async_trait]
impl Layer for LastSnapshot {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        let saved = self.saved.lock().unwrap().get(&(stream.clone(), schema_version)).cloned();
        let before = saved.as_ref().and_then(|saved| saved.version.previous()).unwrap_or_default();
        Ok((saved, self.below.read(stream, StreamRange::after(before)).await?))
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let key = (snapshot.stream.clone(), snapshot.schema_version);
        self.saved.lock().unwrap().insert(key, snapshot);
        Ok(())
    }
}

pub(super) fn last_snapshot(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(LastSnapshot { below, saved: Mutex::default() }))
}

/// Vouches for every snapshot: makes up the event that it was folded up to.
struct SnapshotBelieved(Arc<dyn Store>);

#[async_trait]
impl Layer for SnapshotBelieved {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        let (snapshot, mut page) = self.0.load(stream, schema_version).await?;
        if let Some(snapshot) = &snapshot {
            let whole = self.0.read(stream, StreamRange::default().backwards().limit(1)).await?;
            if let Some(mut vouching) = whole.events.into_iter().next() {
                vouching.version = snapshot.version;
                vouching.event_id = snapshot.event_id;
                page.events.retain(|event| event.version > snapshot.version);
                page.events.insert(0, vouching);
            }
        }
        Ok((snapshot, page))
    }
}

pub(super) fn snapshot_believed(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(SnapshotBelieved(below)))
}
