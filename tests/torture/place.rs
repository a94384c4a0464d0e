//! [`Place`]: where the store of a run is, for every process that opens it.

use super::arguments::Twin;
use super::slow::Slow;
use super::twin;
use anyhow::Result;
use es_conformance::Layered;
use es_core::Store;
use es_memory::MemoryStore;
use es_postgres::PostgresOptions;
use es_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait for the server before it is given up: less than the run may take to catch up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections for what goes beside the store.
const CONNECTIONS_MAX: u32 = 4;

/// Where the store is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Place {
    /// In this process.
    #[serde(skip)]
    Memory(MemoryStore, Option<Twin>),
    /// In this file.
    Sqlite(PathBuf, Option<Twin>),
    /// On a server.
    Postgres(String, Option<Twin>),
}

/// A store, as a worker sees it.
#[derive(Clone)]
pub struct Opened {
    /// The store, broken if a twin was asked for.
    pub store: Arc<dyn Store>,
    /// The same with appends in transactions that take their time.
    pub slow: Option<Arc<dyn Store>>,
}

impl Place {
    /// Opens the store.
    ///
    /// # Errors
    /// When it cannot be opened at the moment, or never.
    pub async fn open(&self) -> Result<Opened> {
        match self {
            Self::Memory(store, None) => Ok(Opened::simple(Arc::new(store.clone()))),
            Self::Memory(store, Some(Twin::Naive)) => {
                Ok(Opened::simple(Arc::new(store.without_settled_prefix())))
            }
            Self::Memory(store, Some(twin)) => {
                twin::of(*twin, Arc::new(store.clone()), None).map(Opened::simple)
            }
            Self::Sqlite(path, twin) => {
                let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).await?);
                Ok(Opened::simple(match twin {
                    Some(twin) => twin::of(*twin, store, None)?,
                    None => store,
                }))
            }
            Self::Postgres(url, twin) => {
                let options =
                    PostgresOptions::new(url)?.connect_timeout(PATIENCE).statement_timeout(PATIENCE);
                let store = options.idle_in_transaction_timeout(PATIENCE).open().await?;
                let pool = pool(url)?;
                let slow = Slow::new(store.clone(), pool.clone());
                let store = match twin {
                    Some(twin) => twin::of(*twin, Arc::new(store), Some(pool))?,
                    None => Arc::new(store),
                };
                Ok(Opened { store, slow: Some(Arc::new(Layered(slow))) })
            }
        }
    }

    /// Whether workers are tasks of this process.
    pub fn is_in_this_process(&self) -> bool {
        matches!(self, Self::Memory(..))
    }
}

impl Opened {
    fn simple(store: Arc<dyn Store>) -> Self {
        Self { store, slow: None }
    }
}

/// Connections beside the store's own, made when they are needed.
///
/// # Errors
/// When the URL cannot be read.
pub fn pool(url: &str) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(PATIENCE);
    Ok(options.connect_lazy(url)?)
}
