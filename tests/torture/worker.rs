//! One process of a run, or one task of it where the store lives in memory.

use super::journal::{self, Journal};
use super::line::Line;
use super::orders::Orders;
use super::witness::Witness;
use super::{commander, place::Place, projectors, readers, writer};
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
pub async fn work(job: Job, below: Option<Arc<dyn Store>>, orders: Orders) -> Result<()> {
    let path = journal::path(&job.folder, job.worker);
    let journal = Journal::open(&path)?;
    let past = Arc::new(journal::read(&path)?);
    journal.write(&Line::Began { incarnation: job.incarnation, at: journal::now() }).await?;
    let desk = Desk { job: Arc::new(job), journal, past, orders };
    let below = match below {
        Some(store) => store,
        None => match open(&desk).await? {
            Some(store) => store,
            None => return Ok(()),
        },
    };
    let store: Arc<dyn Store> = Arc::new(Layered(Witness::new(below, &desk)));
    match desk.job.role {
        Role::Writer => {
            tokio::try_join!(
                writer::write(&desk, store.clone(), 1),
                writer::write(&desk, store.clone(), 2),
                commander::command(&desk, store.clone(), 3),
            )?;
        }
        Role::Reader => readers::read(&desk, store).await?,
        Role::Projector => projectors::run(&desk, store).await?,
    }
    Ok(())
}

/// Opens the store, again and again: it may be down at the moment. Nothing when the run is over before.
async fn open(desk: &Desk) -> Result<Option<Arc<dyn Store>>> {
    let mut orders = desk.orders.clone();
    loop {
        match desk.job.place.open().await {
            Ok(store) => return Ok(Some(store)),
            Err(error) if orders.is_over() => {
                desk.failed("opening", error).await?;
                return Ok(None);
            }
            Err(error) => eprintln!("worker {} cannot open the store: {error:#}", desk.job.worker),
        }
        orders.pause(OPEN_AGAIN).await;
    }
}
