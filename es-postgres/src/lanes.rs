//! [`Lanes`]: the tasks that append, each with a connection of its own.
//!
//! Callers put calls into a bounded queue and wait for the answer. A task never stops half way through a statement, so
//! a caller that goes away changes nothing; and what was queued while a statement was under way goes out as the next
//! one. A call belongs to the lane of its first stream, so that appends to one stream do not wait for each other's
//! locks. Calls over several streams, inline appends and transactions of the user's own still may, as other processes'
//! do: a unique key decides.

use crate::appender::Appender;
use crate::aside::{self, Aside};
use crate::batch::Batch;
use crate::errors::Failed;
use crate::known::names_one_id_twice;
use crate::look_up::Asks;
use crate::session::{Query, Session, SessionOptions};
use crate::sql::Sql;
use crate::statements::Statements;
use crate::waiting::{Call, Waiting};
use crate::wake::Wake;
use es_core::{Append, AppendError, Appended, StoreError, StreamId};
use futures::FutureExt;
use sqlx::postgres::PgRow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

/// How many calls wait for a lane at most; who comes then waits for a place.
const QUEUE_CALLS_MAX: usize = 1_024;

/// The callers' side.
pub(crate) struct Lanes {
    lanes: Vec<mpsc::Sender<Job>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    is_closed: AtomicBool,
    aside: Aside,
}

enum Job {
    Append(Call),
    /// Do what is queued and end.
    Close,
}

impl Lanes {
    /// Starts so many; `wait_max` is how long a call waits for a connection that is not a lane's.
    pub(crate) fn start(
        lanes: usize,
        options: &SessionOptions,
        wait_max: Duration,
        sql: &Arc<Sql>,
        wake: &Arc<Wake>,
    ) -> Self {
        let aside = Aside::new(options.clone(), wait_max, sql, wake);
        let statements = Statements::new();
        let start = |_| {
            let (jobs, queue) = mpsc::channel(QUEUE_CALLS_MAX);
            let asks = Line { session: None, options: options.clone() };
            let (sql, wake, statements) = (Arc::clone(sql), Arc::clone(wake), statements.clone());
            let lane = Lane {
                appender: Appender { asks, sql, wake, statements },
                queue,
                waiting: Waiting::default(),
                aside: aside.clone(),
                tasks: JoinSet::new(),
            };
            (jobs, tokio::spawn(watched(lane.run())))
        };
        let (lanes, tasks) = (0..lanes.max(1)).map(start).unzip();
        Self { lanes, tasks: Mutex::new(tasks), is_closed: AtomicBool::new(false), aside }
    }

    /// Appends one call, which is not empty.
    pub(crate) async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let lane = &self.lanes[lane_of(&appends[0].stream, self.lanes.len())];
        let (answer, answered) = oneshot::channel();
        lane.send(Job::Append(Call::new(appends, answer))).await.map_err(|_| self.ended())?;
        let gone = || StoreError::OutcomeUnknown { source: "the task that appends has ended".into() };
        answered.await.unwrap_or_else(|_| Err(gone().into()))
    }

    /// Why a lane takes no call.
    fn ended(&self) -> StoreError {
        if self.is_closed.load(Ordering::Acquire) {
            return Failed::closed().into();
        }
        StoreError::Backend("a task that appends has died of a panic: open the store again".into())
    }

    /// Does what is queued, refuses what comes later, and closes the connections.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        for lane in &self.lanes {
            // Somebody else may have closed it before; the task ends in any case.
            let _ = lane.send(Job::Close).await;
        }
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let mut ended = Ok(());
        for task in tasks {
            ended = ended.and(task.await.map_err(|error| StoreError::Backend(Box::new(error))));
        }
        self.aside.close().await;
        ended
    }
}

fn lane_of(stream: &StreamId, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}

/// A lane that dies takes no further call, for good: whoever runs the program must hear of it at once.
async fn watched(lane: impl Future<Output = ()>) {
    if let Err(panic) = AssertUnwindSafe(lane).catch_unwind().await {
        tracing::error!(
            "a task that appends has died of a panic: some streams cannot be appended to any more"
        );
        std::panic::resume_unwind(panic);
    }
}

/// The connection of a lane, opened when it is needed.
struct Line {
    session: Option<Session>,
    options: SessionOptions,
}

impl Asks for Line {
    async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        let session = match &mut self.session {
            Some(session) => session,
            None => self.session.insert(self.options.open().await?),
        };
        let result = session.rows(query).await;
        if result.as_ref().is_err_and(Failed::lost_the_connection) {
            self.session = None;
        }
        result
    }
}

struct Lane {
    appender: Appender<Line>,
    queue: mpsc::Receiver<Job>,
    waiting: Waiting,
    aside: Aside,
    /// The calls that are appended aside.
    tasks: JoinSet<()>,
}

impl Lane {
    async fn run(mut self) {
        while self.wait_for_calls().await {
            let batch = self.waiting.next_batch(Instant::now());
            let is_shared = batch.len() > 1;
            self.append(batch).await;
            if is_shared {
                // Whoever was answered may have another one to go with those that wait.
                tokio::task::yield_now().await;
            }
        }
        while let Some(ended) = self.tasks.join_next().await {
            aside::log(ended);
        }
        if let Some(session) = self.appender.asks.session.take() {
            session.close().await;
        }
    }

    /// Takes what is queued; waits only where nothing is. False: there will be nothing more.
    async fn wait_for_calls(&mut self) -> bool {
        if self.waiting.len() == 0 {
            match self.queue.recv().await {
                Some(Job::Append(call)) => self.waiting.push(call),
                Some(Job::Close) => {
                    self.queue.close();
                    return Box::pin(self.wait_for_calls()).await;
                }
                None => return false,
            }
        }
        while self.waiting.len() < QUEUE_CALLS_MAX {
            match self.queue.try_recv() {
                Ok(Job::Append(call)) => self.waiting.push(call),
                Ok(Job::Close) => self.queue.close(),
                Err(_) => break,
            }
        }
        true
    }

    async fn append(&mut self, calls: Vec<Call>) {
        // Somebody may have been found to hold a stream while these were waiting.
        let now = Instant::now();
        let (held, calls): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| self.aside.takes(&call.appends, now));
        for call in held {
            self.aside.append(call, &mut self.tasks);
        }
        let (odd, mut calls): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| names_one_id_twice(&call.appends));
        for call in odd {
            let answer = self.appender.answer_known(&call.appends, None).await;
            call.answer(answer);
        }
        if calls.is_empty() {
            return;
        }
        // In the order in which rows are inserted.
        calls.sort_unstable_by(|one, other| one.appends[0].stream.cmp(&other.appends[0].stream));
        let batch = Batch::of(calls.iter().map(|call| &call.appends[..]));
        match self.appender.send(&batch).await {
            Ok(verdicts) => {
                for (call, verdict) in std::iter::zip(calls, verdicts) {
                    let answer = self.appender.settle(&call.appends, verdict).await;
                    call.answer(answer);
                }
            }
            Err(failed) => self.failed(calls, failed).await,
        }
    }

    /// What becomes of the calls of a statement that has written nothing, or nobody knows what.
    async fn failed(&mut self, calls: Vec<Call>, failed: Failed) {
        if failed.is_lock_timeout() {
            // One of the streams is held by somebody else, for who knows how long.
            let is_known = calls.len() == 1;
            for call in calls {
                self.aside.hold(&call.appends);
                match is_known {
                    true => call.answer(Err(failed.clone().into())),
                    false => self.aside.append(call, &mut self.tasks),
                }
            }
        } else if failed.blames_a_call() {
            self.append_each(calls).await;
        } else {
            for call in calls {
                call.answer(Err(failed.clone().into()));
            }
        }
    }

    /// One of the calls is to blame, and the others should not suffer.
    async fn append_each(&mut self, calls: Vec<Call>) {
        let mut stopped: Option<Failed> = None;
        for call in calls {
            if let Some(failed) = &stopped {
                call.answer(Err(failed.clone().into()));
                continue;
            }
            let mut races = 0;
            let appended = self.appender.append_alone(&call.appends, &mut races).await;
            if races > 0 {
                self.waiting.is_contended(&call.appends);
            }
            if appended.as_ref().is_err_and(Failed::is_lock_timeout) {
                self.aside.hold(&call.appends);
            }
            stopped = appended.as_ref().err().filter(|failed| failed.is_overload()).cloned();
            call.answer(appended.unwrap_or_else(|failed| Err(failed.into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_core::Expected;

    #[tokio::test]
    async fn a_lane_that_died_of_a_panic_says_so() {
        let (jobs, queue) = mpsc::channel(1);
        let task = tokio::spawn(watched(async move {
            let _queue = queue;
            panic!("on purpose");
        }));
        jobs.closed().await;
        let options = crate::PostgresOptions::new("postgres://localhost").unwrap();
        let sql = Arc::new(Sql::of(crate::schema::Schema::new("es").unwrap()));
        let (options, wake) = (SessionOptions::new(&options), Arc::default());
        let aside = Aside::new(options, Duration::ZERO, &sql, &wake);
        let lanes = Lanes { lanes: vec![jobs], tasks: vec![task].into(), is_closed: false.into(), aside };

        let append = || vec![Append::new(StreamId::new("account", 1).unwrap(), Expected::Any, vec![])];
        let Err(AppendError::Store(StoreError::Backend(error))) = lanes.append(append()).await else {
            panic!("expected an error of its own")
        };
        assert!(error.to_string().contains("has died of a panic"), "{error}");
        assert!(matches!(lanes.close().await, Err(StoreError::Backend(_))));
        let closed = lanes.append(append()).await;
        assert!(matches!(closed, Err(AppendError::Store(StoreError::Unusable(_)))), "{closed:?}");
    }
}
