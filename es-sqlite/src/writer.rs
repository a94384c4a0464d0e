//! The task that owns the only connection that writes.
//!
//! Callers put jobs into a bounded queue and wait for the answer. The task never stops half way through a job, so a
//! caller that goes away changes nothing; and what has been queued while a commit was under way is committed together.

use crate::append_batch::{Answers, append_batch};
use crate::errors::{self, Failure};
use crate::hop::HopError;
use crate::sql;
use chrono::{DateTime, Utc};
use es_core::metrics::{WRITE_CALLS, WRITES_IN_FLIGHT};
use es_core::{Append, AppendError, Appended, Clock, StoreError, WakeUpSender};
use futures::future::BoxFuture;
use metrics::{Gauge, Histogram};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many jobs wait at most; who comes then waits for a place.
const QUEUE_JOBS_MAX: usize = 1_024;
/// How many calls are committed together at most.
const BATCH_CALLS_MAX: usize = 256;
/// The payload bytes after which a batch takes no further call.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The value of the label `store`.
const STORE: &str = "sqlite";

/// The callers' side.
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
    task: Mutex<Option<JoinHandle<()>>>,
}

enum Job {
    Append(AppendCall),
    Work(Work),
    /// Do what is queued and end.
    Close,
}

struct AppendCall {
    appends: Vec<Append>,
    answer: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
}

/// Runs with the connection outside of a transaction, and must leave it so; says whether it did. Without a connection
/// it tells its caller why.
type Work =
    Box<dyn for<'c> FnOnce(Result<&'c mut SqliteConnection, sqlx::Error>) -> BoxFuture<'c, State> + Send>;

/// In what state a connection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Ready for the next job.
    Clean,
    /// Nobody knows: it must be replaced.
    Doubtful,
}

impl Writer {
    pub(crate) fn start(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        clock: Arc<dyn Clock>,
        wake_ups: Arc<WakeUpSender>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        let (calls, in_flight) = (WRITE_CALLS.histogram(&[STORE]), WRITES_IN_FLIGHT.gauge(&[STORE]));
        let connection = Some(connection);
        let task = WriterTask { connection, options, queue, clock, wake_ups, calls, in_flight };
        Self { jobs, task: Mutex::new(Some(tokio::spawn(task.run()))) }
    }

    pub(crate) async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Append(AppendCall { appends, answer })).await?;
        answered.await.unwrap_or_else(|_| Err(writer_gone().into()))
    }

    /// Runs `work` between other jobs. It begins and ends its own transaction; after an error, what it left open is
    /// rolled back before the caller gets the error.
    pub(crate) async fn run<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, E>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            Box::pin(async move {
                let (result, state) = match connection {
                    Ok(connection) => {
                        let result = work(&mut *connection).await;
                        let state = if result.is_ok() { State::Clean } else { roll_back(connection).await };
                        (result, state)
                    }
                    Err(error) => (Err(errors::store_error(error).into()), State::Doubtful),
                };
                // A caller that went away needs no answer.
                let _ = answer.send(result);
                state
            })
        });
        self.send(Job::Work(work)).await?;
        answered.await.unwrap_or_else(|_| Err(writer_gone().into()))
    }

    /// Does what is queued, refuses what comes later, and closes the connection.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        // Somebody else may have closed it before; the task ends in any case.
        let _ = self.jobs.send(Job::Close).await;
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            Some(task) => task.await.map_err(|error| StoreError::Backend(Box::new(error))),
            None => Ok(()),
        }
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        self.jobs.send(job).await.map_err(|_| errors::closed())
    }
}

/// The job was taken, and its answer will never come: the runtime ends, or the task panicked.
fn writer_gone() -> StoreError {
    StoreError::OutcomeUnknown { source: "the task that writes has ended".into() }
}

struct WriterTask {
    /// None after a failure that left the former one in doubt.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    queue: mpsc::Receiver<Job>,
    clock: Arc<dyn Clock>,
    wake_ups: Arc<WakeUpSender>,
    /// How many calls a transaction carries.
    calls: Histogram,
    /// How many transactions are under way: one or none.
    in_flight: Gauge,
}

impl WriterTask {
    async fn run(mut self) {
        let mut next = None;
        loop {
            let job = match next.take() {
                Some(job) => job,
                None => match self.queue.recv().await {
                    Some(job) => job,
                    None => break,
                },
            };
            match job {
                Job::Append(call) => {
                    let (calls, behind) = self.collect(call);
                    next = behind;
                    self.append(calls).await;
                }
                Job::Work(work) => self.work(work).await,
                Job::Close => self.queue.close(),
            }
        }
        self.drop_connection().await;
    }

    /// What is queued of appends right now, and the first job behind them that is something else.
    fn collect(&mut self, first: AppendCall) -> (Vec<AppendCall>, Option<Job>) {
        let mut bytes = payload_bytes(&first.appends);
        let mut calls = vec![first];
        while calls.len() < BATCH_CALLS_MAX && bytes < BATCH_BYTES_MAX {
            match self.queue.try_recv() {
                Ok(Job::Append(call)) => {
                    bytes += payload_bytes(&call.appends);
                    calls.push(call);
                }
                Ok(other) => return (calls, Some(other)),
                Err(_) => break,
            }
        }
        (calls, None)
    }

    async fn append(&mut self, calls: Vec<AppendCall>) {
        match self.try_append(&calls).await {
            Err(error) if calls.len() > 1 && may_belong_to_one(&error) => {
                for call in calls {
                    let result = self.try_append(std::slice::from_ref(&call)).await;
                    self.answer(vec![call], result);
                }
            }
            result => self.answer(calls, result),
        }
    }

    async fn try_append(&mut self, calls: &[AppendCall]) -> Result<Answers, HopError> {
        let appends: Vec<_> = calls.iter().map(|call| &call.appends[..]).collect();
        let recorded_at = in_microseconds(self.clock.now());
        let in_flight = self.in_flight.clone();
        self.calls.record(calls.len() as f64);
        let connection = self
            .connection()
            .await
            .map_err(|error| HopError { error: Arc::new(error), may_have_committed: false })?;
        in_flight.increment(1.0);
        let result = append_batch(connection, &appends, recorded_at).await;
        in_flight.decrement(1.0);
        if result.is_err() && roll_back(connection).await == State::Doubtful {
            self.drop_connection().await;
        }
        result
    }

    fn answer(&self, calls: Vec<AppendCall>, result: Result<Answers, HopError>) {
        match result {
            Ok(answers) => {
                if answers.iter().flatten().flatten().any(is_new) {
                    self.wake_ups.wake();
                }
                for (call, answer) in std::iter::zip(calls, answers) {
                    // A caller that went away needs no answer.
                    let _ = call.answer.send(answer);
                }
            }
            Err(error) => {
                for call in calls {
                    let _ = call.answer.send(Err(error.clone().store_error().into()));
                }
            }
        }
    }

    async fn work(&mut self, work: Work) {
        let state = work(self.connection().await).await;
        if state == State::Doubtful {
            self.drop_connection().await;
        }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Closing it rolls back what it left open.
    async fn drop_connection(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "a connection could not be closed");
        }
    }
}

/// Ends the transaction that a failed job may have left open.
async fn roll_back(connection: &mut SqliteConnection) -> State {
    match sqlx::query(sql::ROLLBACK).execute(connection).await {
        Ok(_) => State::Clean,
        // Without a transaction there is nothing to roll back, which is a plain error (1).
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("1") => State::Clean,
        Err(_) => State::Doubtful,
    }
}

/// Whether one call of a batch may be to blame: then the others should not suffer.
fn may_belong_to_one(error: &HopError) -> bool {
    !error.may_have_committed && !matches!(error.failure(), Failure::Busy | Failure::ThreadGone)
}

fn is_new(appended: &Appended) -> bool {
    !appended.repeated && !appended.positions.is_empty()
}

fn payload_bytes(appends: &[Append]) -> usize {
    appends.iter().flat_map(|append| &append.events).map(|event| event.payload.as_bytes().len()).sum()
}

fn in_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
