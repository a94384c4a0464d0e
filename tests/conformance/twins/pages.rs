//! Twins of what readers of the log are given.

use super::log::pages_as;
use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Append, AppendError, Appended, Cursor, EventStore, Filter, LogPage, Payload, Position, Recorded,
    Snapshot, SnapshotStore, Store, StoreError, StreamId, Version,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Hands out positions that count down.
struct CountsDown(Arc<dyn Store>);

#[async_trait]
impl Layer for CountsDown {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let down = |position: Position| Position::new(1_000_000 - position.value());
        let mut answers = self.0.append_all(appends).await?;
        for answer in &mut answers {
            answer.position = down(answer.position);
            answer.positions.iter_mut().for_each(|position| *position = down(*position));
        }
        Ok(answers)
    }
}

pub(super) fn counts_down(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(CountsDown(below)))
}

pub(super) fn backwards_pages(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, _, _| page.events.reverse())
}

pub(super) fn second_hidden(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, _, _| page.events.retain(|event| event.version != Version::new(2)))
}

pub(super) fn unreadable_hidden(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, _, _| {
        let reads = |row: &Recorded<Payload>| {
            serde_json::from_slice::<serde_json::Value>(row.data.as_bytes()).is_ok()
        };
        page.events.retain(reads);
    })
}

/// Reads more than was asked for.
struct WholePages(Arc<dyn Store>);

#[async_trait]
impl Layer for WholePages {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn read_all(&self, after: Position, filter: &Filter, _: usize) -> Result<LogPage, StoreError> {
        self.0.read_all(after, filter, usize::MAX).await
    }
}

pub(super) fn whole_pages(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(WholePages(below)))
}

/// Counts the versions of a stream when it is read, and so closes every gap.
struct CountedVersions(Arc<dyn Store>);

#[async_trait]
impl Layer for CountedVersions {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let mut page = self.0.read_all(after, filter, limit).await?;
        let whole = self.0.read_all(Position::START, &Filter::default(), usize::MAX).await?;
        let mut ends = HashMap::<StreamId, Version>::new();
        let mut counted = HashMap::new();
        for row in whole.events {
            let end = ends.entry(row.stream).or_default();
            *end = end.plus(1);
            counted.insert(row.position, *end);
        }
        page.events.iter_mut().for_each(|row| row.version = counted[&row.position]);
        Ok(page)
    }
}

pub(super) fn counted_versions(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(CountedVersions(below)))
}

/// Says something else about the end of the log.
struct HeadAs {
    below: Arc<dyn Store>,
    /// Whether it is one row too far, or one behind.
    too_far: bool,
}

#[async_trait]
impl Layer for HeadAs {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        let Some(head) = self.below.head().await? else { return Ok(None) };
        if self.too_far {
            return Ok(Some(Cursor { position: Position::new(head.position.value() + 1), ..head }));
        }
        let log = self.below.read_all(Position::START, &Filter::default(), usize::MAX).await?;
        let before = log.events.iter().rfind(|row| row.position < head.position);
        Ok(before.map(|row| Cursor { position: row.position, event_id: row.event_id }))
    }
}

pub(super) fn head_too_far(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(HeadAs { below, too_far: true }))
}

pub(super) fn head_behind(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(HeadAs { below, too_far: false }))
}

/// Keeps a snapshot with the state of the one before.
struct StaleStates {
    below: Arc<dyn Store>,
    states: Mutex<HashMap<StreamId, Payload>>,
}

#[async_trait]
impl Layer for StaleStates {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let before = self.states.lock().unwrap().insert(snapshot.stream.clone(), snapshot.state.clone());
        let state = before.unwrap_or_else(|| snapshot.state.clone());
        self.below.save(Snapshot { state, ..snapshot }).await
    }
}

pub(super) fn stale_states(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(StaleStates { below, states: Mutex::default() }))
}

struct NoSnapshots(Arc<dyn Store>);

#[async_trait]
impl Layer for NoSnapshots {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn save(&self, _: Snapshot) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(super) fn no_snapshots(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(NoSnapshots(below)))
}
