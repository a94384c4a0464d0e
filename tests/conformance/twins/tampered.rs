//! A store in memory that can be tampered with: what is read is changed on its way out.

use async_trait::async_trait;
use es_conformance::{Layer, Layered, Tamper};
use es_core::{
    EventId, EventStore, Filter, LogPage, Payload, Position, Recorded, Store, StoreError, StreamId,
    StreamPage, StreamRange,
};
use std::sync::{Arc, Mutex, PoisonError};

/// What was tampered with.
#[derive(Clone, Default)]
pub(super) struct Tampers(Arc<Mutex<Vec<Tamper>>>);

impl Tampers {
    pub(super) fn add(&self, tamper: Tamper) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(tamper);
    }

    /// The row as it is now; none when it is gone.
    fn changed(&self, mut row: Recorded<Payload>) -> Option<Recorded<Payload>> {
        for tamper in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match tamper {
                Tamper::DeleteEvent { stream, version } => {
                    if (stream, *version) == (&row.stream, row.version) {
                        return None;
                    }
                }
                Tamper::ChangeEventId { position, event_id } => {
                    if *position == row.position {
                        row.event_id = *event_id;
                    }
                }
                Tamper::OverwritePayload { stream, version, payload } => {
                    if (stream, *version) == (&row.stream, row.version) {
                        row.data = Payload::new(payload.clone());
                    }
                }
                other => panic!("{other:?} is new: teach it to this subject"),
            }
        }
        Some(row)
    }
}

struct Tampered {
    below: Arc<dyn Store>,
    tampers: Tampers,
}

#[async_trait]
impl Layer for Tampered {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        let page = self.below.read(stream, range).await?;
        let mut events: Vec<_> =
            page.events.into_iter().filter_map(|row| self.tampers.changed(row)).collect();
        if events.is_empty() && page.more {
            // The one row asked for is gone: the nearest takes its place.
            let more = self.below.read(stream, range.limit(range.limit + 1)).await?;
            events = more.events.into_iter().filter_map(|row| self.tampers.changed(row)).collect();
        }
        Ok(StreamPage { events, more: page.more })
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let page = self.below.read_all(after, filter, limit).await?;
        let events = page.events.into_iter().filter_map(|row| self.tampers.changed(row)).collect();
        Ok(LogPage { events, ..page })
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let before = Position::new(position.value().saturating_sub(1));
        let page = self.read_all(before, &Filter::default(), 1).await?;
        Ok(page.events.first().filter(|row| row.position == position).map(|row| row.event_id))
    }
}

pub(super) fn tampered(below: Arc<dyn Store>, tampers: Tampers) -> Arc<dyn Store> {
    Arc::new(Layered(Tampered { below, tampers }))
}
