//! [`Site`]: the store of a run, and what lies around it.

use super::arguments::{Arguments, StoreKind};
use super::event::TortureEvent;
use super::history::{History, Model, Row};
use super::line::Given;
use super::place::Place;
use super::plan::Fault;
use super::views::Sum;
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
    memory: Option<Arc<dyn Store>>,
}

impl Site {
    /// Prepares what the store needs.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn prepare(arguments: &Arguments, seed: u64, folder: &Path) -> Result<Self> {
        Ok(match arguments.store {
            StoreKind::Memory => {
                let store = MemoryStore::default().with_late_commits(seed);
                Self { place: Place::Memory, memory: Some(Arc::new(store)) }
            }
            StoreKind::Sqlite => {
                let place = Place::Sqlite(folder.join("torture.db"));
                // The first to open it makes the schema: that is no part of this.
                place.open().await?;
                Self { place, memory: None }
            }
            StoreKind::Postgres => anyhow::bail!("not yet"),
        })
    }

    /// Where workers find the store.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The store, if it is in this process.
    pub fn memory(&self) -> Option<Arc<dyn Store>> {
        self.memory.clone()
    }

    /// The store as it is, without faults before it and without a twin's fault in it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        match &self.memory {
            Some(store) => Ok(store.clone()),
            None => self.place.open().await,
        }
    }

    /// Brings about a fault of the network or the server.
    ///
    /// # Errors
    /// When it cannot be.
    pub async fn suffer(&mut self, fault: Fault) -> Result<()> {
        anyhow::bail!("there is nothing that could suffer {fault:?}")
    }

    /// Ends all faults.
    pub fn calm(&mut self) {}

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        0
    }

    /// Reads the log and the read models into the history.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn read_into(&self, history: &mut History) -> Result<()> {
        let store = self.open().await?;
        let log = read_log(&store, history).await?;
        history.log = log;
        history.models = read_models(&store).await?;
        Ok(())
    }
}

/// Reads the whole log, and keeps what it was given as a reader's.
async fn read_log(store: &Arc<dyn Store>, history: &mut History) -> Result<Vec<Row>> {
    let mut log = Vec::new();
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::default(), PAGE_EVENTS_MAX).await?;
        let Some(cursor) = page.cursor else { return Ok(log) };
        let given = Given {
            reader: LAST_READER.to_owned(),
            at: super::journal::now(),
            category: None,
            after: after.value(),
            cursor: cursor.position.value(),
            more: page.more,
            rows: page.events.iter().map(|event| (event.position.value(), event.event_id)).collect(),
        };
        history.readers.entry(given.reader.clone()).or_default().push(given);
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
