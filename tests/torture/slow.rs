//! [`Slow`]: appends in transactions that take their time, and are rolled back at times.

use async_trait::async_trait;
use es_conformance::Layer;
use es_core::{Append, AppendError, Appended, BackendError, Store, StoreError};
use es_postgres::PostgresStore;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;

/// How long a transaction stays open once it has its positions.
const HELD_MS: std::ops::Range<u64> = 2..120;

/// One transaction in so many is rolled back.
const ROLLBACK_ONE_IN: u64 = 6;

/// A store that appends in a user's transaction, which stays open for a while.
pub struct Slow {
    below: Arc<dyn Store>,
    store: PostgresStore,
    pool: PgPool,
}

impl Slow {
    /// Appends by connections of `pool`.
    pub fn new(store: PostgresStore, pool: PgPool) -> Self {
        Self { below: Arc::new(store.clone()), store, pool }
    }
}

#[async_trait]
impl Layer for Slow {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        // Not the journal's dice: an append that is sent again may have another fate.
        let (held, lot) = (fastrand::u64(HELD_MS), fastrand::u64(..ROLLBACK_ONE_IN));
        let mut transaction = self.pool.begin().await.map_err(|error| refused("no transaction", error))?;
        let appended = match self.store.append_in(&mut transaction, appends).await {
            Ok(appended) => appended,
            // Without a commit there is no unknown outcome.
            Err(AppendError::Store(error)) if error.is_transient() => {
                return Err(refused("the transaction failed", error).into());
            }
            Err(error) => return Err(error),
        };
        hold(Duration::from_millis(held)).await;
        if lot == 0 {
            transaction.rollback().await.map_err(|error| refused("rolled back", error))?;
            return Err(StoreError::Unavailable { reason: "rolled back".into(), source: None }.into());
        }
        match transaction.commit().await {
            Ok(()) => {
                self.store.committed();
                Ok(appended)
            }
            Err(source) => Err(StoreError::OutcomeUnknown { source: source.into() }.into()),
        }
    }
}

/// Leaves the transaction open: that is the fault, and nobody waits here for something to happen.
async fn hold(duration: Duration) {
    let never = std::future::pending::<()>();
    drop(tokio::time::timeout(duration, never).await);
}

fn refused(reason: &'static str, source: impl Into<BackendError>) -> StoreError {
    StoreError::Unavailable { reason: reason.into(), source: Some(source.into()) }
}
