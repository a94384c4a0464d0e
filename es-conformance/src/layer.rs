//! [`Layer`] and [`Layered`]: a store around another one.

mod layered;

pub use layered::Layered;

use async_trait::async_trait;
use es_core::{
    Append, AppendError, Appended, CheckpointStore, CommandId, Commit, CommitError, Cursor, DeadLetter,
    DeadLetterStore, Discarded, EventId, EventStore, Filter, Generation, GenerationId, GenerationState,
    Grant, Halt, KeptSnapshot, Lease, LetterPlace, LetterQueue, LogPage, Position, ProjectionId, Snapshot,
    SnapshotPlace, SnapshotStore, SnapshotsOf, Store, StoreError, StreamId, StreamPage, StreamRange,
    ViewStore, WakeUps,
};
use std::sync::Arc;

/// Changes some of what a store does and hands on the rest: a store that fails at times, or a broken twin.
///
/// It has a method for each of a store's, so that a layer is as short as what it changes.
#[async_trait]
#[allow(missing_docs, reason = "each method is that of the store's traits with the same name")]
pub trait Layer: Send + Sync + 'static {
    /// The store below.
    fn below(&self) -> &Arc<dyn Store>;

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.below().append_all(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        self.below().read(stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        self.below().read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        self.below().head().await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.below().event_id_at(position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        self.below().answered(command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        self.below().wake_ups()
    }

    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        self.below().load(stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        self.below().save(snapshot).await
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        self.below().snapshots(of, after, limit).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        self.below().drop_snapshots(places).await
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        self.below().acquire(projection, lease).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.below().commit(commit).await
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        self.below().release(grant, halt).await
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        self.below().failed(grant, cause).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.below().swap(grant).await
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.below().discard(grant).await
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        self.below().divide(projection, state, count).await
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.below().pause(projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.below().resume(projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.below().roll_back(projection).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        self.below().drop_generation(projection, state).await
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        self.below().generations().await
    }

    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.below().letters(generation, after, limit).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        self.below().queues(generation).await
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        self.below().discarded(projection).await
    }

    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        self.below().view(projection, key).await
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.below().views(projection, after, limit).await
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.below().load_views(generation, keys).await
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.below().generation_views(generation, after, limit).await
    }
}
