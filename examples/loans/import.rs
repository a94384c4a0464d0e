//! [`Import`]: every row of a log is a command.

#[cfg(test)]
mod tests;

use crate::domain::{Application, CaseId, Refusal};
use crate::log::{Digest, Row, Source};
use crate::tally::Tally;
use es_core::{EventStore, ExecuteError, Filter, Metadata, Position, Repository, Store, StoreError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinSet, spawn_blocking};

/// How many rows may wait for one worker. The reader waits when one has so many, so memory stays bounded.
const ROWS_QUEUED_MAX: usize = 64;

/// How many applications are kept between two rows, so that most commands need not load one. More than are ever open
/// at a time in the real log; with fewer the import is slower and no less right.
const APPLICATIONS_KEPT_MAX: usize = 20_000;

/// How often to say how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Carries out the rows of a log: those of one application in their order, those of different applications at the same
/// time.
pub struct Import {
    pub source: Source,
    pub digest: Digest,
    /// How many commands are under way at a time.
    pub in_flight: NonZeroU16,
}

/// Why an import came to no end. What it has done until then stays, and is not done again by the next run.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the log cannot be read")]
    Log(#[from] io::Error),
    #[error("line {line} could not be carried out")]
    Line { line: u64, source: Box<ExecuteError<Refusal>> },
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    #[error("a worker failed")]
    Worker(#[from] tokio::task::JoinError),
}

impl Import {
    /// Whether `store` holds events that another log, or another program, has brought. As a row is known by its log and
    /// its line, nothing would tell which rows of two logs are the same.
    pub async fn is_foreign_to(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let page = EventStore::read_all(store, Position::START, &Filter::default(), 1).await?;
        let is_ours =
            |metadata: &Metadata| metadata.command_id.as_ref().is_some_and(|id| self.digest.has(id));
        Ok(page.events.first().is_some_and(|event| !is_ours(&event.metadata)))
    }

    /// Reads the log to its end; `progress` is told now and then how many rows are done.
    pub async fn run(
        &self,
        store: Arc<dyn Store>,
        mut progress: impl FnMut(u64),
    ) -> Result<Tally, ImportError> {
        let applications = Repository::<Application>::new(store.clone()).with_cache(APPLICATIONS_KEPT_MAX);
        let done = Arc::new(AtomicU64::new(0));
        let mut workers = JoinSet::new();
        let mut queues = Vec::new();
        for _ in 0..self.in_flight.get() {
            let (queue, rows) = channel(ROWS_QUEUED_MAX);
            let worker = Worker {
                store: store.clone(),
                applications: applications.clone(),
                digest: self.digest.clone(),
                done: done.clone(),
                tally: Tally::default(),
                goes_over_old_ground: true,
            };
            workers.spawn(worker.run(rows));
            queues.push(queue);
        }
        // It ends with the log, or when a worker is gone: that drops the other end of its queue.
        let source = self.source.clone();
        let reader = spawn_blocking(move || deal(&source, &queues));

        let mut tally = Tally::default();
        let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                joined = workers.join_next() => match joined {
                    Some(worker) => tally.add(worker??),
                    None => break,
                },
                _ = tick.tick() => progress(done.load(Ordering::Relaxed)),
            }
        }
        tally.add(reader.await??);
        progress(tally.rows());
        Ok(tally)
    }
}

/// Reads the log and gives each row to the worker of its application; refuses damaged rows itself.
fn deal(source: &Source, queues: &[Sender<Row>]) -> io::Result<Tally> {
    let mut tally = Tally::default();
    for row in source.rows()? {
        match row? {
            (_, Ok(row)) => {
                if queues[worker_of(&row.case_id, queues.len())].blocking_send(row).is_err() {
                    break;
                }
            }
            (line, Err(damage)) => tally.reject(line, || damage.to_string()),
        }
    }
    Ok(tally)
}

/// Always the same worker for one application, which keeps its rows in order.
fn worker_of(case_id: &CaseId, workers: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    case_id.hash(&mut hasher);
    // The remainder is smaller than a `usize`.
    (hasher.finish() % workers as u64) as usize
}

/// Carries out the rows of some applications, one after the other.
struct Worker {
    store: Arc<dyn Store>,
    applications: Repository<Application>,
    digest: Digest,
    done: Arc<AtomicU64>,
    tally: Tally,
    /// Whether the row before was carried out by an earlier run, and the next one may well have been too.
    goes_over_old_ground: bool,
}

impl Worker {
    async fn run(mut self, mut rows: Receiver<Row>) -> Result<Tally, ImportError> {
        while let Some(row) = rows.recv().await {
            self.carry_out(row).await?;
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self.tally)
    }

    async fn carry_out(&mut self, row: Row) -> Result<(), ImportError> {
        let command_id = self.digest.command_id(row.line);
        // A repository would find out by itself, but not before it has loaded the application and decided. Where a
        // whole log is repeated it is quicker to ask first.
        if self.goes_over_old_ground && self.store.answered(&command_id).await?.is_some() {
            self.tally.repeated += 1;
            return Ok(());
        }
        let mut metadata = Metadata::new().command(command_id).occurred(row.occurred_at.to_utc());
        if let Some(employee) = row.employee {
            metadata = metadata.by(&employee.to_string());
        }
        let outcome = self.applications.with(metadata).execute(&row.case_id, row.step).await;
        self.goes_over_old_ground = outcome.as_ref().is_ok_and(|committed| committed.repeated);
        match outcome {
            Ok(committed) if committed.repeated => self.tally.repeated += 1,
            Ok(_) => self.tally.done += 1,
            Err(ExecuteError::Rejected(refusal)) => {
                self.tally.reject(row.line, || format!("application {}: {refusal}", row.case_id));
            }
            Err(source) => return Err(ImportError::Line { line: row.line, source: Box::new(source) }),
        }
        Ok(())
    }
}
