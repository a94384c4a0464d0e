//! [`Connections`]: a bounded number of sessions, opened when they are needed.
//!
//! The pool of sqlx 0.9 sends a ping whenever a connection is taken and whenever it is given back, and a dropped
//! `Pool::begin` can leave a transaction open; so we keep our own.

use crate::errors::Failed;
use crate::options::Pooler;
use crate::session::{Query, Session, SessionOptions};
use crate::sql;
use bytes::Bytes;
use futures::future::BoxFuture;
use sqlx::postgres::PgRow;
use sqlx::{Connection, Executor, PgConnection};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Clone)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
}

struct Shared {
    options: SessionOptions,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    wait_max: Duration,
}

/// A session on loan. One whose call was dropped half way is given back once what the server still says has been read.
pub(crate) struct Loan {
    session: Option<Session>,
    /// Whether the session is at rest.
    at_rest: bool,
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    pub(crate) fn new(options: SessionOptions, connections_max: usize, wait_max: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        Self { shared: Arc::new(Shared { options, permits, idle: Mutex::default(), wait_max }) }
    }

    /// Runs one statement in a transaction of its own, and gives its rows.
    pub(crate) async fn rows(&self, query: Query) -> Result<Vec<PgRow>, Failed> {
        self.borrow().await?.rows(query).await
    }

    /// The one row of a statement, if it has one.
    pub(crate) async fn row(&self, query: Query) -> Result<Option<PgRow>, Failed> {
        Ok(self.rows(query).await?.pop())
    }

    /// Runs `work` in a transaction. It runs in a task of its own that is never dropped half way, so that no connection
    /// is left in a transaction. A commit whose outcome nobody knows is what `E` makes of a failure that may have run.
    pub(crate) async fn transaction<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let time = self.shared.options.transaction_timeout();
        self.transaction_within(time, work).await
    }

    /// The same without an end, for work that takes as long as a table is large.
    pub(crate) async fn long_transaction<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        self.transaction_within(Duration::MAX, work).await
    }

    async fn transaction_within<T, E, W>(&self, time: Duration, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failed> + Send + 'static,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let connections = self.clone();
        let task = tokio::spawn(async move { connections.borrow().await?.transaction(time, work).await });
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Failed::closed().into()),
        }
    }

    pub(crate) async fn borrow(&self) -> Result<Loan, Failed> {
        let permits = Arc::clone(&self.shared.permits);
        let permit = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(self.shared.wait_max, permits.acquire_owned())
                .await
                .map_err(|_| Failed::exhausted(self.shared.wait_max))?
                .map_err(|_| Failed::closed())?,
        };
        let idle = self.shared.idle().pop();
        let session = match idle {
            Some(session) => session,
            None => self.shared.options.open().await?,
        };
        Ok(Loan {
            session: Some(session),
            at_rest: true,
            shared: Arc::clone(&self.shared),
            permit: Some(permit),
        })
    }

    /// Takes in a session that was opened elsewhere.
    pub(crate) fn adopt(&self, session: Session) {
        self.shared.put_back(session);
    }

    /// Refuses further calls and closes the connections that are not in use.
    pub(crate) async fn close(&self) {
        self.shared.permits.close();
        let idle = std::mem::take(&mut *self.shared.idle());
        for session in idle {
            session.close().await;
        }
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_back(&self, session: Session) {
        if !self.permits.is_closed() {
            self.idle().push(session);
        }
    }

    /// What is idle was probably lost together with what was in use: the server was restarted, or the network failed.
    fn forget_idle(&self) {
        self.idle().clear();
    }
}

impl Loan {
    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        self.at_rest = false;
        let result = self.session().rows(query).await;
        self.ended(result.as_ref().err());
        result
    }

    /// Gives `take` what a copy sends, piece by piece, until it has enough. Says whether it has read all: a session whose copy
    /// was not read to its end, also because the call was dropped, is closed and never used again.
    pub(crate) async fn copy_out(
        &mut self,
        text: &str,
        take: impl FnMut(&Bytes) -> ControlFlow<()>,
    ) -> Result<bool, Failed> {
        let mut session = self.session.take().expect("a loan has its session until it is lost");
        let copied = session.copy_out(text, take).await;
        match &copied {
            Ok(true) => self.session = Some(session),
            Err(failed) if failed.lost_the_connection() => self.shared.forget_idle(),
            _ => (),
        }
        copied
    }

    /// Whether it still has its session.
    pub(crate) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// A horizon that this session was given, if it knows one.
    pub(crate) fn horizon(&mut self) -> Option<i64> {
        self.session().horizon()
    }

    pub(crate) fn remember(&mut self, horizon: i64) {
        self.session().remember(horizon);
    }

    async fn transaction<T, E, W>(&mut self, time: Duration, work: W) -> Result<T, E>
    where
        E: From<Failed>,
        W: for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, E>>,
    {
        // Should this task end by a panic or with the runtime, the session must not be used again.
        let mut session = self.session.take().expect("a loan has its session until it is lost");
        let (patience, pooler) = (session.patience(), session.pooler());
        // sqlx counts how deep it is, so that a `begin` of the work's own becomes a savepoint.
        let mut transaction = match within(patience, session.connection().begin()).await {
            Ok(transaction) => transaction,
            Err(failed) => {
                self.shared.forget_idle();
                return Err(failed.of_nothing().into());
            }
        };
        // The work is free to give its statements names, and those must not be taken.
        if pooler == Pooler::LegacyTransaction {
            let forgot = transaction.execute(sql::FORGET_STATEMENTS);
            within(patience, forgot).await.map_err(Failed::of_nothing)?;
        }
        let Ok(result) = tokio::time::timeout(time, work(&mut transaction)).await else {
            self.shared.forget_idle();
            return Err(Failed::silent(time).of_nothing().into());
        };
        let ended = match result {
            Ok(_) => within(patience, transaction.commit()).await,
            Err(_) => within(patience, transaction.rollback()).await,
        };
        match (result, ended) {
            (result, Ok(())) => {
                self.session = Some(session);
                result
            }
            (Ok(_), Err(failed)) => Err(failed.into()),
            (Err(error), Err(_)) => Err(error),
        }
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("a loan has its session until it is lost")
    }

    fn ended(&mut self, failed: Option<&Failed>) {
        self.at_rest = true;
        if failed.is_some_and(Failed::lost_the_connection) {
            self.session = None;
            self.shared.forget_idle();
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        if self.at_rest {
            return self.shared.put_back(session);
        }
        let (shared, permit) = (Arc::clone(&self.shared), self.permit.take());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(drain(session, shared, permit));
        }
    }
}

/// A server that says nothing is given up.
async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(patience, work).await {
        Ok(result) => result.map_err(Failed::under_way),
        Err(_) => Err(Failed::silent(patience)),
    }
}

/// Bounded by the patience of the session.
async fn drain(mut session: Session, shared: Arc<Shared>, permit: Option<OwnedSemaphorePermit>) {
    if session.drain().await.is_ok() {
        shared.put_back(session);
    }
    drop(permit);
}
