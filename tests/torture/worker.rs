//! One process of a run, or one task of it where the store lives in memory.

use super::journal::{self, Journal};
use super::line::Line;
use super::orders::Orders;
use super::place::{Opened, Place};
use super::witness::Witness;
use super::{commander, projectors, readers, writer};
use anyhow::Result;
use es_conformance::Layered;
use es_core::Store;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before opening the store again.
const OPEN_AGAIN: Duration = Duration::from_millis(50);

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Appends and carries out commands.
    Writer,
    /// Reads the log on and on.
    Reader,
    /// Runs projections.
    Projector,
}

/// Everything a worker has to know, handed to it on its command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub worker: u16,
    /// What it does.
    pub role: Role,
    /// How many workers write; they have the first numbers.
    pub writers: u16,
    /// Which of its lives this is; the first is 0.
    pub incarnation: u64,
    /// The seed of the run.
    pub seed: u64,
    /// Where the journals are.
    pub folder: PathBuf,
    /// Whether projectors divide what they run.
    pub divides: bool,
    /// Where the store is.
    pub place: Place,
}

/// What the tasks of a worker share.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The job.
    pub job: Arc<Job>,
    /// Where to write down what happens.
    pub journal: Journal,
    /// What the journal held when this life began.
    pub past: Arc<Vec<Line>>,
    /// What the run wants now.
    pub orders: Orders,
}

impl Desk {
    /// Opens the journal of this job, and reads what earlier lives have left there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(job: Job, orders: Orders) -> Result<Self> {
        let path = journal::path(&job.folder, job.worker);
        let journal = Journal::open(&path)?;
        let past = Arc::new(journal::read(&path)?);
        journal.write(&Line::Began { incarnation: job.incarnation, at: journal::now() }).await?;
        Ok(Self { job: Arc::new(job), journal, past, orders })
    }

    /// Dice for one task of this life.
    pub fn dice(&self, task: u8) -> fastrand::Rng {
        let Job { worker, incarnation, seed, .. } = &*self.job;
        let mixed = seed ^ u64::from(*worker) << 40 ^ u64::from(task) << 56 ^ incarnation << 8;
        fastrand::Rng::with_seed(mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Writes down what no fault explains.
    pub async fn failed(&self, task: &str, error: impl std::fmt::Display) -> Result<()> {
        let task = format!("{task} of worker {}", self.job.worker);
        self.journal.write(&Line::Failed { task, error: format!("{error:#}") }).await
    }
}

/// Works until the run is over.
///
/// # Errors
/// When the journal cannot be written.
pub async fn work(job: Job, orders: Orders) -> Result<()> {
    let desk = Desk::open(job, orders).await?;
    let Some(opened) = open(&desk).await? else { return Ok(()) };
    desk.journal.write(&Line::Opened).await?;
    let witness = |below, lane| -> Arc<dyn Store> { Arc::new(Layered(Witness::new(below, &desk, lane))) };
    let store = witness(opened.store, 0);
    let slow = opened.slow.map(|below| witness(below, 1));
    match desk.job.role {
        Role::Writer => {
            tokio::try_join!(
                writer::write(&desk, store.clone(), slow.as_ref(), 1),
                writer::write(&desk, store.clone(), slow.as_ref(), 2),
                commander::command(&desk, store.clone(), 3),
            )?;
        }
        Role::Reader => readers::read(&desk, store).await?,
        Role::Projector => projectors::run(&desk, store).await?,
    }
    Ok(())
}

/// Opens the store, again and again: it may be down at the moment. Nothing when the run is over before.
async fn open(desk: &Desk) -> Result<Option<Opened>> {
    let mut orders = desk.orders.clone();
    loop {
        match desk.job.place.open().await {
            Ok(opened) => return Ok(Some(opened)),
            Err(error) if orders.is_over() => {
                desk.failed("opening", error).await?;
                return Ok(None);
            }
            Err(error) => eprintln!("worker {} cannot open the store: {error:#}", desk.job.worker),
        }
        orders.pause(OPEN_AGAIN).await;
    }
}
