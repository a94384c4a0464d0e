//! [`SqliteStore`].

use crate::readers::Readers;
use crate::writer::Writer;
use crate::{SqliteOptions, reads};
use async_trait::async_trait;
use es_core::{
    Append, AppendError, Appended, CommandId, Cursor, EventId, EventStore, Filter, Limits, LogPage, Position,
    StoreError, StreamId, StreamPage, StreamRange, WakeUpSender, WakeUps,
};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

/// An event store in one SQLite file. A clone shares the connections.
///
/// One task per store writes, and commits together what was queued while the disk was busy; several connections read
/// beside it. Other processes on the same host may have the same file open: they wait for each other's writes, for at
/// most the [busy timeout](SqliteOptions::busy_timeout). A process that is stopped in the middle of a write holds up
/// all others. The file must be on a local file system.
///
/// Calls can be dropped at any time. An append that was queued is stored all the same: send it again with the same
/// event ids to learn its outcome.
#[derive(Clone)]
pub struct SqliteStore {
    parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) limits: Limits,
    pub(crate) wake_ups: Arc<WakeUpSender>,
    pub(crate) store_id: Uuid,
    /// Where a store that need not last has its file; removed after the connections are gone.
    pub(crate) directory: Option<TempDir>,
}

impl SqliteStore {
    /// Opens the store in this file with the default [options](SqliteOptions); makes the file where there is none.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        SqliteOptions::new(path).open().await
    }

    /// Opens a store that is gone with its last clone, for tests: a file in a directory of its own among the
    /// system's temporary files, since only a file lets readers and the writer work side by side.
    ///
    /// # Errors
    /// As [`SqliteOptions::open`].
    pub async fn in_memory() -> Result<Self, StoreError> {
        let directory = tempfile::tempdir().map_err(|error| StoreError::Unusable(error.to_string()))?;
        let options = SqliteOptions::new(directory.path().join("es.db"));
        let store = options.durability(crate::Durability::Normal).open().await?;
        let mut parts = Arc::into_inner(store.parts).expect("a new store has no clones");
        parts.directory = Some(directory);
        Ok(Self::new(parts))
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The id that this store got when its file was made; a copy of the file has it too.
    pub fn store_id(&self) -> Uuid {
        self.parts.store_id
    }

    /// Finishes what was queued, refuses what comes later, and closes the connections.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when the task that writes had died.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.parts.readers.close().await;
        self.parts.writer.close().await
    }

    pub(crate) fn readers(&self) -> &Readers {
        &self.parts.readers
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.parts.writer
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("store_id", &self.parts.store_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.parts.limits.check(&appends)?;
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        self.writer().append(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        reads::read(self.readers(), stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        reads::read_all(self.readers(), after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        reads::head(self.readers()).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        reads::event_id_at(self.readers(), position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        reads::answered(self.readers(), command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        self.parts.wake_ups.subscribe()
    }
}
