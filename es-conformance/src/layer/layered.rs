//! [`Layered`].

use super::Layer;
use async_trait::async_trait;
use es_core::{
    Append, AppendError, Appended, CheckpointStore, CommandId, Commit, CommitError, Cursor, DeadLetter,
    DeadLetterStore, Discarded, EventId, EventStore, Filter, Generation, GenerationId, GenerationState,
    Grant, Halt, KeptSnapshot, Lease, LetterPlace, LetterQueue, LogPage, Position, ProjectionId, Snapshot,
    SnapshotPlace, SnapshotStore, SnapshotsOf, StoreError, StreamId, StreamPage, StreamRange, ViewStore,
    WakeUps,
};

/// The store that a [`Layer`] makes of the one below.
#[derive(Debug, Clone)]
pub struct Layered<L>(pub L);

#[async_trait]
impl<L: Layer> EventStore for Layered<L> {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.0.append_all(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        self.0.read(stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        self.0.read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        self.0.head().await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.0.event_id_at(position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        self.0.answered(command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        self.0.wake_ups()
    }
}

#[async_trait]
impl<L: Layer> SnapshotStore for Layered<L> {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        self.0.load(stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        self.0.save(snapshot).await
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        self.0.snapshots(of, after, limit).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        self.0.drop_snapshots(places).await
    }
}

#[async_trait]
impl<L: Layer> CheckpointStore for Layered<L> {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        self.0.acquire(projection, lease).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.0.commit(commit).await
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        self.0.release(grant, halt).await
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        self.0.failed(grant, cause).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.0.swap(grant).await
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.0.discard(grant).await
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        self.0.divide(projection, state, count).await
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.0.pause(projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.0.resume(projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.0.roll_back(projection).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        self.0.drop_generation(projection, state).await
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        self.0.generations().await
    }
}

#[async_trait]
impl<L: Layer> DeadLetterStore for Layered<L> {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.0.letters(generation, after, limit).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        self.0.queues(generation).await
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        self.0.discarded(projection).await
    }
}

#[async_trait]
impl<L: Layer> ViewStore for Layered<L> {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        self.0.view(projection, key).await
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.0.views(projection, after, limit).await
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.0.load_views(generation, keys).await
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.0.generation_views(generation, after, limit).await
    }
}
