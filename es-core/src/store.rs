//! What a store implements: [`EventStore`], [`SnapshotStore`], [`CheckpointStore`], [`DeadLetterStore`],
//! [`ViewStore`]; all of it is a [`Store`].

mod checkpoint;
mod dead_letter;
mod failure;
mod generation;
mod kept_snapshot;
mod shard;
mod shared;
mod wake_ups;

pub use checkpoint::{
    CheckpointStore, Commit, CommitError, GenerationId, GenerationState, Grant, Halt, Lease, ProjectionId,
    ViewWrite,
};
pub use dead_letter::{
    DeadLetter, DeadLetterStore, Discarded, InvalidQueue, LetterChange, LetterPlace, LetterQueue, OnFailure,
    Parked,
};
pub use failure::Failure;
pub use generation::{Checkpoint, Generation};
pub use kept_snapshot::{KeptSnapshot, SnapshotPlace, SnapshotsOf};
pub use shard::{Claim, Shard, Slices};
pub use wake_ups::{WakeUpSender, WakeUps};

use crate::{
    Append, AppendError, Appended, CommandId, Cursor, EventId, Filter, LogPage, Payload, Position, Recorded,
    Snapshot, StoreError, StreamId, StreamPage, StreamRange, Version,
};
use async_trait::async_trait;

/// The log: streams with versions, and one total order over all of them.
///
/// What an implementation owes is written as tests in the crate es-conformance; run them on yours.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends to several streams, all or nothing; one answer for each append, in order.
    ///
    /// Idempotent: an append whose command id is known, or else whose event ids all are, was stored before and is
    /// answered again with [`repeated`](Appended::repeated), whatever is expected of the stream by now; payloads are not
    /// compared. A call is recorded wholly or not at all, so one that repeats some appends and brings others is refused
    /// with [`StoreError::PartlyRecorded`]. Limits are checked before anything is written.
    ///
    /// # Errors
    /// The first append's that is refused, and then nothing of any of them was stored.
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError>;

    /// Appends to one stream.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when the stream is not as expected; nothing was stored then.
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let answers = self.append_all(vec![append]).await?;
        Ok(answers.into_iter().next().expect("append_all gives one answer for each append"))
    }

    /// A page of one stream's events. A stream nobody has written to is empty.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError>;

    /// A page of the log behind `after`, at most `limit` events (0 counts as 1). Once it has given out a position, nothing at or
    /// below it appears later.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError>;

    /// The last row that a reader can be given now; none while the log is empty.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn head(&self) -> Result<Option<Cursor>, StoreError>;

    /// Of the stream of each of these events, which a reader has been given, the last version before the event's own that
    /// stands at an earlier position; [`Version::ZERO`] where there is none. Readers assert with it that none is missing.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn predecessors(&self, events: &[&Recorded<Payload>]) -> Result<Vec<Version>, StoreError> {
        let mut versions = Vec::with_capacity(events.len());
        for event in events {
            let previous = event.version.previous().unwrap_or_default();
            let before = StreamRange::default().up_to(previous).backwards().limit(1);
            let page = self.read(&event.stream, before).await?;
            let found = page.events.first().filter(|found| found.position < event.position);
            versions.push(found.map_or(Version::ZERO, |found| found.version));
        }
        Ok(versions)
    }

    /// The id of the event at `position`, which a reader has been given; nothing where there is no event. A cursor is of
    /// this log if its event is still there.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError>;

    /// What a command with this id was answered, and the stream it was for, if it was carried out.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError>;

    /// Hints that the log has grown. Missing one loses nothing: readers also poll.
    fn wake_ups(&self) -> WakeUps;
}

/// Where saved states are kept.
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// Reads the newest snapshot of this schema version, and in the same round trip the stream's events from the
    /// snapshot's own version on (its event comes first), or from the beginning where there is no snapshot.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError>;

    /// Keeps `snapshot` instead of the one of its stream and schema version. A newer one stays if its event is in the
    /// stream.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError>;

    /// At most `limit` (0 counts as 1) of what is kept behind the place `after`, by stream and schema version; fewer only at
    /// the end.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError>;

    /// Drops those in these places, in one transaction, and says how many were there. Their streams are folded from their
    /// first events at the next load.
    ///
    /// # Errors
    /// [`StoreError`] when they could not be dropped.
    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError>;
}

/// Where read models are kept. Views are the exact JSON text that was written, and keys are ordered by their bytes.
#[async_trait]
pub trait ViewStore: Send + Sync + 'static {
    /// The view of the live generation with this key.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError>;

    /// The next `limit` of the live generation's keys and views behind `after`, by key; fewer only at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError>;

    /// The views of one generation with these keys, in their order; for the one who holds its lease. Of a generation
    /// that is gone there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError>;

    /// The next `limit` of one generation's keys and views behind `after`, by key; fewer only at the end.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError>;
}

/// Everything a store does.
pub trait Store: EventStore + SnapshotStore + CheckpointStore + DeadLetterStore + ViewStore {}

impl<S: EventStore + SnapshotStore + CheckpointStore + DeadLetterStore + ViewStore + ?Sized> Store for S {}
