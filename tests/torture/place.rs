//! [`Place`]: where the store of a run is, for every process that opens it.

use super::arguments::Twin;
use anyhow::Result;
use es_core::Store;
use es_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// Where the store is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Place {
    /// In this process: it is handed to the workers and never opened.
    Memory,
    /// In this file.
    Sqlite(PathBuf),
    /// On a server, and perhaps broken.
    Postgres {
        /// Where the server is, which may be a proxy before it.
        url: String,
        /// What it lacks.
        twin: Option<Twin>,
    },
}

impl Place {
    /// Opens the store.
    ///
    /// # Errors
    /// When it cannot be opened at the moment, or never.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        match self {
            Self::Memory => anyhow::bail!("a store in memory cannot be opened twice"),
            Self::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path).await?)),
            Self::Postgres { url, twin } => anyhow::bail!("{url} {twin:?}: not yet"),
        }
    }
}
