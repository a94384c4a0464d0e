//! [`Aside`]: appends to streams that somebody else holds, on connections beside the lanes, so that nobody else waits.

use crate::appender::Appender;
use crate::connections::Connections;
use crate::session::SessionOptions;
use crate::sql::Sql;
use crate::statements::Statements;
use crate::waiting::Call;
use crate::wake::Wake;
use es_core::{Append, StoreError, StreamId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinSet};

/// How many connections append aside.
pub(crate) const CONNECTIONS_MAX: usize = 4;
/// How many calls of one lane are aside or wait for such a connection.
const CALLS_MAX: usize = 1_024;
/// How many streams are remembered.
const STREAMS_MAX: usize = 4_096;
/// How long after a lock was not to be had a stream is appended to aside, unless an append comes through before.
const HELD_FOR: Duration = Duration::from_secs(10);

/// Shared by the lanes of a store.
#[derive(Clone)]
pub(crate) struct Aside {
    connections: Connections,
    sql: Arc<Sql>,
    wake: Arc<Wake>,
    statements: Statements,
    /// Streams whose lock was not to be had, and until when they are appended to here.
    held: Arc<Mutex<HashMap<StreamId, Instant>>>,
}

impl Aside {
    pub(crate) fn new(options: SessionOptions, wait_max: Duration, sql: &Arc<Sql>, wake: &Arc<Wake>) -> Self {
        Self {
            connections: Connections::new(options, CONNECTIONS_MAX, wait_max),
            sql: Arc::clone(sql),
            wake: Arc::clone(wake),
            statements: Statements::new(),
            held: Arc::default(),
        }
    }

    /// Whether one of the streams is held.
    pub(crate) fn takes(&self, appends: &[Append], now: Instant) -> bool {
        let held = self.held();
        let is_held = |append: &Append| held.get(&append.stream).is_some_and(|until| *until > now);
        !held.is_empty() && appends.iter().any(is_held)
    }

    /// A lock for this call was not to be had in time.
    pub(crate) fn hold(&self, appends: &[Append]) {
        let (now, mut held) = (Instant::now(), self.held());
        if held.len() >= STREAMS_MAX {
            held.retain(|_, until| *until > now);
        }
        let room = STREAMS_MAX.saturating_sub(held.len());
        held.extend(appends.iter().take(room).map(|append| (append.stream.clone(), now + HELD_FOR)));
    }

    /// Appends the call in a task of its own.
    pub(crate) fn append(&self, call: Call, tasks: &mut JoinSet<()>) {
        while let Some(ended) = tasks.try_join_next() {
            log(ended);
        }
        if tasks.len() >= CALLS_MAX {
            return call.answer(Err(crowded().into()));
        }
        let this = self.clone();
        tasks.spawn(async move {
            let (asks, sql, wake) = (this.connections.clone(), this.sql.clone(), this.wake.clone());
            let mut appender = Appender { asks, sql, wake, statements: this.statements.clone() };
            let answer = match appender.append_alone(&call.appends, &mut 0).await {
                Ok(answer) => {
                    this.let_go(&call.appends);
                    answer
                }
                Err(failed) if failed.is_exhausted() => Err(crowded().into()),
                Err(failed) => {
                    if failed.is_lock_timeout() {
                        this.hold(&call.appends);
                    }
                    Err(failed.into())
                }
            };
            call.answer(answer);
        });
    }

    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    fn let_go(&self, appends: &[Append]) {
        let mut held = self.held();
        for append in appends {
            held.remove(&append.stream);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<StreamId, Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The caller was told that nobody knows the outcome.
pub(crate) fn log(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(error = &error as &dyn std::error::Error, "an append aside has died");
    }
}

fn crowded() -> StoreError {
    let reason = "other transactions hold the streams of too many appends";
    StoreError::Unavailable { reason: reason.into(), source: None }
}
