//! Readers: pollers of the whole log, of one category, and a subscription; each goes on where its journal ends.

use super::journal::now;
use super::line::{Given, Line};
use super::witness::chain;
use super::worker::Desk;
use super::{watcher, writer};
use anyhow::Result;
use es_core::{EventId, EventStore, Filter, Position, Store, Subscription};
use futures::FutureExt;
use std::sync::Arc;
use std::time::Duration;

/// How often a poller looks.
const POLL_INTERVAL: Duration = Duration::from_millis(3);

/// The most events that a reader asks for or writes down at once.
const PAGE_EVENTS_MAX: usize = 500;

/// How often a reader looks whether it may come to its end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Reads until the run wants no more.
///
/// # Errors
/// When the journal cannot be written.
pub async fn read(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    tokio::try_join!(
        poll(desk, store.clone(), None),
        poll(desk, store.clone(), Some(writer::HOT)),
        subscribe(desk, store.clone()),
        watcher::watch(desk, store),
    )?;
    Ok(())
}

/// Where the reader's earlier lives have got to.
fn resume(desk: &Desk, reader: &str) -> u64 {
    let given = desk.past.iter().rev().find_map(|line| match line {
        Line::Given(given) if given.reader == reader => Some(given.cursor),
        _ => None,
    });
    given.unwrap_or_default()
}

/// Calls `read_all` again and again.
async fn poll(desk: &Desk, store: Arc<dyn Store>, category: Option<&str>) -> Result<()> {
    let mut orders = desk.orders.clone();
    let reader = format!("poller {} of {}", desk.job.worker, category.unwrap_or("all"));
    let filter = category.map_or_else(Filter::default, |category| Filter::default().category(category));
    let mut dice = desk.dice(category.map_or(1, |_| 2));
    let mut after = resume(desk, &reader);
    while orders.until().is_none_or(|until| after < until.value()) {
        let limit = if dice.u32(..4) == 0 { dice.usize(1..20) } else { PAGE_EVENTS_MAX };
        let page = match store.read_all(Position::new(after), &filter, limit).await {
            Ok(page) => page,
            Err(error) if error.is_transient() => {
                orders.pause(POLL_INTERVAL).await;
                continue;
            }
            // Written down: nothing explains it, and nobody can read on.
            Err(error) => return desk.failed(&reader, chain(&error)).await,
        };
        let more = page.more;
        if let Some(cursor) = page.cursor {
            let rows = page.events.iter().map(|event| (event.position.value(), event.event_id)).collect();
            let category = category.map(str::to_owned);
            let cursor = cursor.position.value();
            let given = Given { reader: reader.clone(), at: now(), category, after, cursor, more, rows };
            desk.journal.write(&Line::Given(given)).await?;
            after = cursor;
        }
        if !more {
            orders.pause(POLL_INTERVAL).await;
        }
    }
    Ok(())
}

/// Follows a subscription.
async fn subscribe(desk: &Desk, store: Arc<dyn Store>) -> Result<()> {
    let reader = format!("subscription {}", desk.job.worker);
    let mut after = resume(desk, &reader);
    let events: Arc<dyn EventStore> = store;
    let mut subscription = Subscription::new(events)
        .after(Position::new(after))
        .with_page_events_max(PAGE_EVENTS_MAX)
        .with_poll_interval(POLL_INTERVAL * 4);
    let mut orders = desk.orders.clone();
    while orders.until().is_none_or(|until| after < until.value()) {
        let first = tokio::select! {
            first = subscription.next() => first,
            () = orders.pause(LOOK_INTERVAL) => continue,
        };
        let mut rows: Vec<(u64, EventId)> = Vec::new();
        let mut next = Some(first);
        while let Some(event) = next.take() {
            match event {
                Ok(event) => rows.push((event.position.value(), event.event_id)),
                Err(error) if error.is_transient() => orders.pause(POLL_INTERVAL).await,
                Err(error) => return desk.failed(&reader, chain(&error)).await,
            }
            if rows.len() < PAGE_EVENTS_MAX {
                next = subscription.next().now_or_never();
            }
        }
        if let Some((cursor, _)) = rows.last().copied() {
            // How a subscription pages is its own affair: it never says that this is all.
            let (reader, category) = (reader.clone(), None);
            let given = Given { reader, at: now(), category, after, cursor, more: true, rows };
            desk.journal.write(&Line::Given(given)).await?;
            after = cursor;
        }
    }
    Ok(())
}
