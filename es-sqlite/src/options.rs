//! [`SqliteOptions`] and [`Durability`].

use crate::{SqliteStore, open};
use es_core::{Clock, Limits, StoreError, SystemClock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What an acknowledged append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The loss of power: every commit waits until the disk has it (`synchronous = FULL`).
    #[default]
    Full,
    /// The crash of the process, but not the loss of power, which may take the last commits with it
    /// (`synchronous = NORMAL`). What is left is consistent. A reader outside that has seen more than is left must be
    /// rebuilt.
    Normal,
}

/// How a store is opened.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use es_sqlite::{Durability, SqliteOptions};
/// use std::time::Duration;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("bank.db");
/// let store = SqliteOptions::new(path)
///     .durability(Durability::Normal)
///     .busy_timeout(Duration::from_secs(1))
///     .open()
///     .await?;
/// store.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SqliteOptions {
    pub(crate) path: PathBuf,
    pub(crate) durability: Durability,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readers: usize,
    pub(crate) busy_timeout: Duration,
    pub(crate) check: Check,
    pub(crate) found: Found,
}

/// How much of the file is read when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Header,
    Structure,
}

/// What the file may be when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet, or a database to which a store is added.
    Anything,
    Store,
}

impl SqliteOptions {
    /// The store in this file, which is made where it does not exist.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            durability: Durability::Full,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            readers: 4,
            busy_timeout: Duration::from_secs(5),
            check: Check::Header,
            found: Found::Anything,
        }
    }

    /// Sets what an acknowledged append survives; [`Durability::Full`] unless told.
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// Sets how much one append may hold.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the clock that stamps events. Leases go by SQLite's own.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Sets how many connections read at the same time; 4 unless told, and always at least 1.
    pub fn readers(self, connections_max: usize) -> Self {
        Self { readers: connections_max, ..self }
    }

    /// Sets how long a call waits for another process that holds the write lock, or for a free reading connection;
    /// 5 seconds unless told.
    pub fn busy_timeout(self, busy_timeout: Duration) -> Self {
        Self { busy_timeout, ..self }
    }

    /// Checks the structure of the whole file when it is opened, which reads all of it. Without this, damage is
    /// found when it is met.
    pub fn check_structure(self) -> Self {
        Self { check: Check::Structure, ..self }
    }

    /// Refuses a file that holds no store yet: who only looks should not make an empty one.
    pub fn existing(self) -> Self {
        Self { found: Found::Store, ..self }
    }

    /// Opens the store: brings the schema up to date, and starts the task that writes.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the file cannot be opened, belongs to another program, holds no store where
    /// it must be [`existing`](Self::existing), or was written by a newer
    /// version of this one; [`StoreError::Corrupt`] when it is damaged or no database;
    /// [`StoreError::Unavailable`] when another process holds the write lock for too long.
    pub async fn open(self) -> Result<SqliteStore, StoreError> {
        open::open(self).await
    }
}
