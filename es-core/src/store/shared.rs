//! A shared store is a store: `Arc<S>`, and `Arc<dyn Store>` too.

use super::*;
use std::sync::Arc;

#[async_trait]
impl<S: EventStore + ?Sized> EventStore for Arc<S> {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        (**self).append_all(appends).await
    }

    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        (**self).append(append).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        (**self).read(stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        (**self).read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        (**self).head().await
    }

    async fn predecessors(&self, events: &[&Recorded<Payload>]) -> Result<Vec<Version>, StoreError> {
        (**self).predecessors(events).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        (**self).event_id_at(position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        (**self).answered(command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        (**self).wake_ups()
    }
}

#[async_trait]
impl<S: SnapshotStore + ?Sized> SnapshotStore for Arc<S> {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        (**self).load(stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        (**self).save(snapshot).await
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        (**self).snapshots(of, after, limit).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        (**self).drop_snapshots(places).await
    }
}

#[async_trait]
impl<S: CheckpointStore + ?Sized> CheckpointStore for Arc<S> {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        (**self).acquire(projection, lease).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        (**self).commit(commit).await
    }

    fn held_bytes_max(&self) -> usize {
        (**self).held_bytes_max()
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        (**self).release(grant, halt).await
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        (**self).failed(grant, cause).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        (**self).swap(grant).await
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        (**self).discard(grant).await
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        (**self).divide(projection, state, count).await
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        (**self).pause(projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        (**self).resume(projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        (**self).roll_back(projection).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        (**self).drop_generation(projection, state).await
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        (**self).generations().await
    }
}

#[async_trait]
impl<S: DeadLetterStore + ?Sized> DeadLetterStore for Arc<S> {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        (**self).letters(generation, after, limit).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        (**self).queues(generation).await
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        (**self).discarded(projection).await
    }
}

#[async_trait]
impl<S: ViewStore + ?Sized> ViewStore for Arc<S> {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        (**self).view(projection, key).await
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        (**self).views(projection, after, limit).await
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        (**self).load_views(generation, keys).await
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        (**self).generation_views(generation, after, limit).await
    }
}
