//! One trip to the thread that runs SQLite: several statements of one text, and what each of them gave.

use crate::errors::{Failure, outcome_unknown, store_error_shared};
use es_core::StoreError;
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Either, Executor, Sqlite, SqliteConnection};
use std::sync::Arc;

pub(crate) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// What the statements of one text gave, in their order.
#[derive(Default)]
pub(crate) struct Hop {
    pub(crate) rows: Vec<Vec<SqliteRow>>,
    pub(crate) changed: Vec<u64>,
}

impl Hop {
    /// The rows of the statement with this number, from 0.
    pub(crate) fn rows(&mut self, statement: usize) -> Vec<SqliteRow> {
        self.rows.get_mut(statement).map(std::mem::take).unwrap_or_default()
    }

    /// Whether the statement with this number changed a row.
    pub(crate) fn changed(&self, statement: usize) -> bool {
        self.changed.get(statement).is_some_and(|rows| *rows > 0)
    }
}

/// Why a hop failed, and whether it may have committed.
#[derive(Debug, Clone)]
pub(crate) struct HopError {
    pub(crate) error: Arc<sqlx::Error>,
    pub(crate) may_have_committed: bool,
}

impl HopError {
    pub(crate) fn failure(&self) -> Failure {
        Failure::of(&self.error)
    }

    pub(crate) fn store_error(self) -> StoreError {
        if self.may_have_committed { outcome_unknown(self.error) } else { store_error_shared(self.error) }
    }
}

/// Runs a text that does not commit.
pub(crate) async fn hop(connection: &mut SqliteConnection, query: Query) -> Result<Hop, HopError> {
    run(connection, query)
        .await
        .map_err(|(_, error)| HopError { error: Arc::new(error), may_have_committed: false })
}

/// Runs a text of `statements` statements that commits with its last one.
pub(crate) async fn hop_and_commit(
    connection: &mut SqliteConnection,
    query: Query,
    statements: usize,
) -> Result<Hop, HopError> {
    run(connection, query).await.map_err(|(finished, error)| {
        // Who lost the connection cannot tell which statement was under way. A busy commit stored nothing.
        let may_have_committed = match Failure::of(&error) {
            Failure::Busy => false,
            Failure::ThreadGone => true,
            _ => finished + 1 >= statements,
        };
        HopError { error: Arc::new(error), may_have_committed }
    })
}

/// Runs one statement that is a transaction by itself.
pub(crate) async fn autocommit(connection: &mut SqliteConnection, query: Query) -> Result<(), StoreError> {
    hop_and_commit(connection, query, 1).await.map(|_| ()).map_err(HopError::store_error)
}

/// The error comes with the number of statements that were finished.
async fn run(connection: &mut SqliteConnection, query: Query) -> Result<Hop, (usize, sqlx::Error)> {
    let mut hop = Hop::default();
    let mut results = connection.fetch_many(query);
    let mut rows = Vec::new();
    loop {
        match results.try_next().await {
            Ok(Some(Either::Right(row))) => rows.push(row),
            Ok(Some(Either::Left(done))) => {
                hop.rows.push(std::mem::take(&mut rows));
                hop.changed.push(done.rows_affected());
            }
            Ok(None) => return Ok(hop),
            Err(error) => return Err((hop.rows.len(), error)),
        }
    }
}
