//! The connections that read: a bounded number of them, opened when they are needed.

use crate::errors::{closed, store_error};
use crate::hop::Query;
use es_core::StoreError;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{ConnectOptions, Connection, Either, Executor, SqliteConnection};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

pub(crate) struct Readers {
    options: SqliteConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
    wait_max: Duration,
}

/// A connection on loan. Dropping it in the middle of a query is fine: SQLite's thread sees that nobody wants the
/// rows and resets the statement before it takes the next one.
pub(crate) struct Reader<'r> {
    connection: Option<SqliteConnection>,
    readers: &'r Readers,
    _permit: SemaphorePermit<'r>,
}

impl Readers {
    pub(crate) fn new(options: SqliteConnectOptions, connections_max: usize, wait_max: Duration) -> Self {
        let permits = Semaphore::new(connections_max.max(1));
        Self { options, permits, idle: Mutex::default(), wait_max }
    }

    async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(self.wait_max, self.permits.acquire())
                .await
                .map_err(|_| self.exhausted())?
                .map_err(|_| closed())?,
        };
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(store_error)?,
        };
        Ok(Reader { connection: Some(connection), readers: self, _permit: permit })
    }

    fn exhausted(&self) -> StoreError {
        let reason = format!("all reading connections were in use for {:?}", self.wait_max);
        StoreError::Unavailable { reason: reason.into(), source: None }
    }

    /// All rows of a query.
    pub(crate) async fn rows(&self, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        self.collect(query, |_, row| Ok(Some(row))).await
    }

    /// The one row of a query, if it has one.
    pub(crate) async fn row(&self, query: Query) -> Result<Option<SqliteRow>, StoreError> {
        Ok(self.rows(query).await?.pop())
    }

    /// What `read` makes of the rows until it makes nothing of one; it is also told which statement of the text,
    /// from 0, gave the row.
    pub(crate) async fn collect<T>(
        &self,
        query: Query,
        mut read: impl FnMut(usize, SqliteRow) -> Result<Option<T>, StoreError> + Send,
    ) -> Result<Vec<T>, StoreError>
    where
        T: Send,
    {
        let mut reader = self.reader().await?;
        let connection =
            reader.connection.as_mut().expect("a reader has its connection until it gives it up");
        let result = collect_from(&mut connection.fetch_many(query), &mut read).await;
        if result.is_err() {
            reader.give_up();
        }
        result
    }

    /// Refuses further readers and closes the connections that are not in use.
    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be closed");
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn collect_from<T: Send>(
    results: &mut BoxStream<'_, Result<Either<sqlx::sqlite::SqliteQueryResult, SqliteRow>, sqlx::Error>>,
    read: &mut (impl FnMut(usize, SqliteRow) -> Result<Option<T>, StoreError> + Send),
) -> Result<Vec<T>, StoreError> {
    let (mut statement, mut all) = (0, Vec::new());
    while let Some(result) = results.try_next().await.map_err(store_error)? {
        match result {
            Either::Left(_) => statement += 1,
            Either::Right(row) => match read(statement, row)? {
                Some(value) => all.push(value),
                None => break,
            },
        }
    }
    Ok(all)
}

impl Reader<'_> {
    /// Does not put the connection back: after an error a new one is opened.
    fn give_up(&mut self) {
        self.connection = None;
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.readers.permits.is_closed()
        {
            self.readers.idle().push(connection);
        }
    }
}
