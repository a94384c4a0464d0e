//! A scenario before the seeded part: positions that were drawn, rolled back, seen as a horizon, and drawn again.
//!
//! A crash of the server forgets numbers that no commit has made durable. A reader whose cursor stood on such a number
//! passes over the events that get it later; one whose cursor is a row that it read does not.

use super::event::{Ids, wrote};
use super::journal::now;
use super::line::{Given, Line};
use super::site::DatabaseServer;
use super::witness::Witness;
use super::worker::Desk;
use anyhow::Result;
use es_conformance::Layered;
use es_core::{Append, Expected, Filter, Position, Store, StreamId};
use std::sync::Arc;

/// Far more than the server makes durable ahead.
const BURNED: i64 = 500;

/// How often to try until a crash comes before the numbers are durable.
const TRIES_MAX: u32 = 5;

/// How many events come after the crash.
const APPENDS: usize = 60;

const READER: &str = "the reader of burned positions";

/// Plays the scenario until the server has forgotten positions that a reader has seen as its horizon.
///
/// # Errors
/// When the server fails at what no fault explains.
pub async fn play(desk: &Desk, server: &DatabaseServer) -> Result<()> {
    let ids = Ids::new(desk.job.seed, desk.job.worker, 0, 0);
    let mut after = 0;
    for attempt in 0..TRIES_MAX {
        let store = open(desk, attempt * 2).await?;
        append(&store, &ids).await?;
        let burned = server.burn(BURNED).await?;
        after = read(desk, &store, after).await?;
        server.restart().await?;
        let has_forgotten = server.last_allocated().await? < burned;
        let store = open(desk, attempt * 2 + 1).await?;
        for _ in 0..APPENDS {
            append(&store, &ids).await?;
        }
        after = read(desk, &store, after).await?;
        if has_forgotten {
            return Ok(());
        }
    }
    println!("the server has kept positions that nobody committed, {TRIES_MAX} times: nothing was shown");
    Ok(())
}

/// The store as workers have it, twin and all; each with operations of its own in the journal.
async fn open(desk: &Desk, lane: u32) -> Result<Arc<dyn Store>> {
    Ok(Arc::new(Layered(Witness::new(desk.job.place.open().await?.store, desk, lane))))
}

async fn append(store: &Arc<dyn Store>, ids: &Ids) -> Result<()> {
    let event = wrote(ids.event_id(), None)?;
    let append = Append::new(StreamId::new("burned", 1)?, Expected::Any, vec![event]);
    store.append(append).await?;
    Ok(())
}

async fn read(desk: &Desk, store: &Arc<dyn Store>, mut after: u64) -> Result<u64> {
    loop {
        let page = store.read_all(Position::new(after), &Filter::default(), 1_000).await?;
        if let Some(cursor) = page.cursor {
            let rows = page.events.iter().map(|event| (event.position.value(), event.event_id)).collect();
            let (reader, cursor) = (READER.to_owned(), cursor.position.value());
            let given = Given { reader, at: now(), category: None, after, cursor, more: page.more, rows };
            desk.journal.write(&Line::Given(given)).await?;
            after = cursor;
        }
        if !page.more {
            return Ok(after);
        }
    }
}
