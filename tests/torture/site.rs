//! [`Site`]: the store of a run, and what lies around it.

mod server;

pub use server::DatabaseServer;

use super::arguments::{Arguments, StoreKind, Twin};
use super::burned;
use super::event::TortureEvent;
use super::history::{History, Model, Row};
use super::line::Given;
use super::orders::Orders;
use super::place::{Place, pool};
use super::plan::Fault;
use super::twin;
use super::views::Sum;
use super::worker::{Desk, Job};
use anyhow::{Context, Result};
use es_core::{EventStore, Filter, GenerationState, PAGE_EVENTS_MAX, Payload, Position, Recorded, Store};
use es_memory::MemoryStore;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The name of the reader that reads the whole log when the run is over.
const LAST_READER: &str = "the last reader";

/// The store of a run, and what lies around it.
pub struct Site {
    place: Place,
    /// Where the store is without faults on the way to it and without a twin's fault in it.
    good: Place,
    server: Option<DatabaseServer>,
}

impl Site {
    /// Prepares what the store needs.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn prepare(arguments: &Arguments, seed: u64, folder: &Path) -> Result<Self> {
        let twin = arguments.twin;
        let (place, good, server) = match arguments.store {
            StoreKind::Memory => {
                let store = MemoryStore::default().with_late_commits(seed);
                (Place::Memory(store.clone(), twin), Place::Memory(store, None), None)
            }
            StoreKind::Sqlite => {
                let file = folder.join("torture.db");
                (Place::Sqlite(file.clone(), twin), Place::Sqlite(file, None), None)
            }
            StoreKind::Postgres => {
                let server = DatabaseServer::start().await?;
                let place = Place::Postgres(server.url_by_proxy(), twin);
                (place, Place::Postgres(server.url(), None), Some(server))
            }
        };
        // The first to open it makes the schema: that is no part of this. It also finds out whether there is such a twin.
        place.open().await?;
        Ok(Self { place, good, server })
    }

    /// Where workers find the store.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The head of the log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn head(&self) -> Result<Position> {
        let head = self.good.open().await?.store.head().await?;
        Ok(head.map_or(Position::START, |head| head.position))
    }

    /// Plays what comes before the seeded part, where there is a server to play it on.
    ///
    /// # Errors
    /// When the server fails at what no fault explains.
    pub async fn direct(&self, job: Job) -> Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        let (say, orders) = Orders::new();
        let played = burned::play(&Desk::open(job, orders).await?, server).await;
        drop(say);
        played
    }

    /// Brings about a fault of the network or the server.
    ///
    /// # Errors
    /// When it cannot be.
    pub async fn suffer(&self, fault: Fault) -> Result<()> {
        let server = self.server.as_ref().context("there is no server that could suffer")?;
        server.suffer(fault).await
    }

    /// Ends all faults.
    pub fn calm(&self) {
        self.server.iter().for_each(DatabaseServer::calm);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        self.server.as_ref().map_or(0, DatabaseServer::cuts)
    }

    /// Reads the log and the read models into the history.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read_into(&self, history: &mut History) -> Result<()> {
        let store = self.good.open().await?.store;
        history.models = read_models(&store).await?;
        let (given, log) = read_log(&store).await?;
        history.readers.insert(LAST_READER.to_owned(), given);
        history.log = match &self.server {
            None => log,
            // Not what the store gives, but what lies in its table.
            Some(server) => {
                let table = twin::of(Twin::Naive, store, Some(pool(&server.url())?))?;
                read_log(&table).await?.1
            }
        };
        Ok(())
    }
}

/// Reads the whole log, as a reader's pages and as rows.
async fn read_log(store: &Arc<dyn Store>) -> Result<(Vec<Given>, Vec<Row>)> {
    let (mut pages, mut log) = (Vec::new(), Vec::new());
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::default(), PAGE_EVENTS_MAX).await?;
        let Some(cursor) = page.cursor else { return Ok((pages, log)) };
        let given = Given {
            reader: LAST_READER.to_owned(),
            at: super::journal::now(),
            category: None,
            after: after.value(),
            cursor: cursor.position.value(),
            more: page.more,
            rows: page.events.iter().map(|event| (event.position.value(), event.event_id)).collect(),
        };
        pages.push(given);
        after = cursor.position;
        for event in page.events {
            log.push(row(event)?);
        }
    }
}

fn row(event: Recorded<Payload>) -> Result<Row> {
    let event = event.decode::<TortureEvent>()?;
    let total = match event.data {
        TortureEvent::Counted { total, .. } => Some(total),
        TortureEvent::Wrote { .. } => None,
    };
    Ok(Row {
        position: event.position.value(),
        id: event.event_id,
        version: event.version.value(),
        amount: event.data.amount(),
        command: event.metadata.command_id,
        stream: event.stream,
        total,
    })
}

async fn read_models(store: &Arc<dyn Store>) -> Result<Vec<Model>> {
    let mut models = Vec::new();
    let generations = store.generations().await?;
    for live in generations.into_iter().filter(|found| found.state == GenerationState::Live) {
        let mut views: BTreeMap<String, Sum> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = store.generation_views(live.id, after.as_deref(), 1_000).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, view) in page {
                let sum = serde_json::from_str(&view).with_context(|| format!("the view `{key}`"))?;
                views.insert(key, sum);
            }
        }
        let projection = live.projection.name().to_owned();
        models.push(Model { projection, position: live.position().value(), views });
    }
    Ok(models)
}
