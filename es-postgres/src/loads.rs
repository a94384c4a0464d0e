//! [`Loads`]: reads streams from where they begin, those that wait together in one statement.
//!
//! Who comes while few statements are under way sends its own at once. Who comes later waits, and what waits when one of
//! them has ended goes out as the next. Of what is too large to be read with others, the beginning is.

use crate::connections::Connections;
use crate::errors::Failed;
use crate::rows;
use crate::session::Query;
use crate::sql::Sql;
use es_core::{StoreError, StreamId};
use sqlx::postgres::PgRow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How many statements are under way at once. More of them would only carry fewer loads each.
const STATEMENTS_MAX: usize = 2;
/// How many loads share a statement at most.
const LOADS_MAX: usize = 32;
/// How many events a load has at most that shares a statement.
const SHARED_EVENTS_MAX: usize = 100;
/// How many events a load has at most that goes alone. What comes behind them is cheaper to copy.
const SMALL_EVENTS_MAX: usize = 256;
/// How many bytes a payload with its metadata has at most in these, or a snapshot.
const SMALL_BYTES_MAX: i64 = 8 * 1024;
/// How long a load waits for others. Those who are under way need not ever be polled again.
const SHARED_WAIT_MAX: Duration = Duration::from_secs(1);

/// What is read: a stream's events, or its snapshot of a schema version and the events from there on.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) stream: StreamId,
    pub(crate) snapshot: Option<u32>,
}

/// The rows that a load begins with, unless the first is too large or they could not be read with others.
pub(crate) type Small = Option<Beginning>;

/// The rows that a load begins with.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) rows: Vec<PgRow>,
    /// Whether there are events behind them.
    pub(crate) more: bool,
}

struct Waiting {
    wanted: Wanted,
    answer: oneshot::Sender<Result<Small, Failed>>,
}

#[derive(Clone)]
pub(crate) struct Loads {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    sql: Arc<Sql>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    under_way: usize,
    waiting: VecDeque<Waiting>,
}

/// The right to have a statement under way. Whoever gives it back while others wait leaves it to a task that sends
/// theirs, also if its own call was dropped.
struct Turn {
    shared: Arc<Shared>,
    is_of: TurnOf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TurnOf {
    Caller,
    Task,
    /// It was given back.
    Nobody,
}

impl Loads {
    pub(crate) fn new(connections: Connections, sql: &Arc<Sql>) -> Self {
        let sql = Arc::clone(sql);
        Self { shared: Arc::new(Shared { connections, sql, queue: Mutex::default() }) }
    }

    /// Reads it, with others where some wait.
    pub(crate) async fn small(&self, wanted: Wanted) -> Result<Small, Failed> {
        let answered = match self.take_a_turn(&wanted) {
            Ok(turn) => {
                let rows = turn.shared.alone(&wanted).await;
                drop(turn);
                return rows;
            }
            Err(answered) => answered,
        };
        match tokio::time::timeout(SHARED_WAIT_MAX, answered).await {
            Ok(Ok(answer)) => answer,
            // It takes too long, or the task that had the turn has died.
            Ok(Err(_)) | Err(_) => self.shared.alone(&wanted).await,
        }
    }

    fn take_a_turn(&self, wanted: &Wanted) -> Result<Turn, oneshot::Receiver<Result<Small, Failed>>> {
        let mut queue = self.shared.queue();
        if queue.under_way < STATEMENTS_MAX {
            queue.under_way += 1;
            return Ok(Turn { shared: Arc::clone(&self.shared), is_of: TurnOf::Caller });
        }
        let (answer, answered) = oneshot::channel();
        queue.waiting.push_back(Waiting { wanted: wanted.clone(), answer });
        Err(answered)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn alone(&self, wanted: &Wanted) -> Result<Small, Failed> {
        let stream = wanted.stream.as_str().to_owned();
        let query = match wanted.snapshot {
            Some(schema_version) => {
                sqlx::query(self.sql.load_small.clone()).bind(stream).bind(i64::from(schema_version))
            }
            None => sqlx::query(self.sql.read_small.clone()).bind(stream),
        };
        let query = query.bind(rows::sql_limit(SMALL_EVENTS_MAX + 1)).bind(SMALL_BYTES_MAX);
        let rows = self.connections.rows(query).await?;
        small(rows, SMALL_EVENTS_MAX).map_err(Failed::unreadable)
    }

    /// Reads what waited, and answers.
    async fn together(&self, waiting: Vec<Waiting>) {
        let rows = self.connections.rows(self.query(&waiting)).await;
        let parts = rows.and_then(|rows| parts(rows, waiting.len()).map_err(Failed::unreadable));
        match parts {
            Ok(parts) => {
                for (Waiting { answer, .. }, part) in waiting.into_iter().zip(parts) {
                    // Who went away needs no answer.
                    let _ = answer.send(Ok(part));
                }
            }
            Err(failed) => {
                // The others should not suffer for one whose rows are damaged.
                let is_ones_fault = failed.found_damage();
                for Waiting { answer, .. } in waiting {
                    let _ = answer.send(if is_ones_fault { Ok(None) } else { Err(failed.clone()) });
                }
            }
        }
    }

    fn query(&self, waiting: &[Waiting]) -> Query {
        let wanted = || waiting.iter().map(|waiting| &waiting.wanted);
        sqlx::query(self.sql.load_together.clone())
            .bind(wanted().map(|wanted| wanted.stream.as_str()).collect::<Vec<_>>())
            .bind(wanted().map(|wanted| wanted.snapshot.map(i64::from)).collect::<Vec<_>>())
            .bind(rows::sql_limit(SHARED_EVENTS_MAX + 1))
            .bind(SMALL_BYTES_MAX)
    }
}

/// So many events of the rows at most, and none from the first that is too large on.
fn small(mut rows: Vec<PgRow>, events_max: usize) -> Result<Small, StoreError> {
    let has_snapshot = rows.first().map(|row| rows::count(row, 0)).transpose()? == Some(0);
    let rows_max = events_max + usize::from(has_snapshot);
    let mut end = 0;
    for row in rows.iter().take(rows_max) {
        if rows::raw(row, 9)?.is_none() {
            break;
        }
        end += 1;
    }
    let more = end < rows.len();
    if more && end <= usize::from(has_snapshot) {
        return Ok(None);
    }
    rows.truncate(end);
    Ok(Some(Beginning { rows, more }))
}

/// What each of the loads is answered.
fn parts(rows: Vec<PgRow>, loads: usize) -> Result<Vec<Small>, StoreError> {
    let mut parts: Vec<Vec<PgRow>> = (0..loads).map(|_| Vec::new()).collect();
    for row in rows {
        let place = rows::count(&row, 10)?;
        let part = usize::try_from(place).ok().and_then(|place| parts.get_mut(place.checked_sub(1)?));
        part.ok_or_else(|| StoreError::Corrupt(format!("load {place} was answered, and not asked for")))?
            .push(row);
    }
    parts.into_iter().map(|rows| small(rows, SHARED_EVENTS_MAX)).collect()
}

impl Turn {
    /// Sends what waits until nothing does.
    async fn run(mut self) {
        while let Some(waiting) = self.next() {
            self.shared.together(waiting).await;
            // Whoever was answered may have another one to go with those that wait.
            tokio::task::yield_now().await;
        }
    }

    /// Who is next. Nobody: the turn was given back.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.shared.queue();
        // Who went away is not read for.
        queue.waiting.retain(|waiting| !waiting.answer.is_closed());
        let count = queue.waiting.len().min(LOADS_MAX);
        if count == 0 {
            queue.under_way -= 1;
            self.is_of = TurnOf::Nobody;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_of == TurnOf::Nobody {
            return;
        }
        let mut queue = self.shared.queue();
        let runtime = tokio::runtime::Handle::try_current();
        match runtime {
            Ok(runtime) if self.is_of == TurnOf::Caller && !queue.waiting.is_empty() => {
                drop(queue);
                runtime.spawn(Self { shared: Arc::clone(&self.shared), is_of: TurnOf::Task }.run());
            }
            // A task that ends early does so with its runtime, or by a panic: those who wait go alone.
            _ => {
                queue.under_way -= 1;
                if self.is_of == TurnOf::Task {
                    queue.waiting.clear();
                }
            }
        }
    }
}
