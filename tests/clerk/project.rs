//! Runs a projector until SIGTERM, through a store that writes down what the projector asks of it.

use super::journal::Journal;
use anyhow::Result;
use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Commit, CommitError, Grant, Halt, Lease, Position, ProjectionId, Projector, Store, StoreError,
};
use es_postgres::PostgresStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tests::tally::Count;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often to look whether the gate is open.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// How the projector runs.
pub struct Settings {
    /// While there is a file at this path, no batch is committed.
    pub gate: PathBuf,
    /// How long its lease holds.
    pub lease: Duration,
    /// How many events it commits at a time.
    pub batch_events_max: usize,
}

/// Runs the projector; after SIGTERM it finishes its batch and gives its lease back.
pub async fn run(store: PostgresStore, journal: &Path, settings: Settings) -> Result<()> {
    let below: Arc<dyn Store> = Arc::new(store.clone());
    let journal = Arc::new(Journal::open(journal)?);
    let witness = Witness { below, journal: Arc::clone(&journal), gate: settings.gate };
    let projector = Projector::<Count>::new(Layered(witness))
        .with_lease(settings.lease)
        .with_batch_events_max(settings.batch_events_max);
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let told = shutdown.clone();
    journal.say("ready")?;
    tokio::spawn(async move {
        terminate.recv().await;
        told.cancel();
    });
    projector.run(shutdown).await?;
    store.close().await?;
    journal.say("ended")
}

struct Witness {
    below: Arc<dyn Store>,
    journal: Arc<Journal>,
    gate: PathBuf,
}

impl Witness {
    fn say(&self, line: std::fmt::Arguments<'_>) -> Result<(), StoreError> {
        self.journal.say(line).map_err(|error| StoreError::Unusable(error.to_string()))
    }
}

#[async_trait]
impl Layer for Witness {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let granted = self.below.acquire(projection, lease).await?;
        if let Some(grant) = &granted {
            self.say(format_args!("granted {} {}", grant.epoch, grant.position()))?;
        }
        Ok(granted)
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let (epoch, from) = (commit.grant.epoch, commit.grant.position());
        let to = commit.to.map_or(Position::START, |cursor| cursor.position);
        if !commit.writes.is_empty() {
            self.say(format_args!("committing {epoch} {from} {to}"))?;
            let mut look = tokio::time::interval(LOOK_INTERVAL);
            while self.gate.exists() {
                look.tick().await;
            }
        }
        let committed = self.below.commit(commit).await;
        match &committed {
            Ok(()) if from == to => self.say(format_args!("renewed {epoch}"))?,
            Ok(()) => self.say(format_args!("committed {epoch} {from} {to}"))?,
            Err(CommitError::Fenced { .. }) => self.say(format_args!("fenced {epoch} {from} {to}"))?,
            Err(error) => self.say(format_args!("failed {epoch} {from} {to} {error}"))?,
        }
        committed
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        let released = self.below.release(grant, halt).await;
        if released.is_ok() {
            self.say(format_args!("released {}", grant.epoch))?;
        }
        released
    }
}
