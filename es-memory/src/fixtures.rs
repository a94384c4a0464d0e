//! What the tests of this crate append and look at.

use crate::MemoryStore;
use es_core::{
    Append, AppendError, Appended, CommandId, EventId, EventStore, Expected, Filter, LogPage, Metadata,
    NewEvent, Payload, Position, StreamId,
};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub(crate) fn command(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

pub(crate) fn event_id(number: u128) -> EventId {
    EventId::new(Uuid::from_u128(number))
}

pub(crate) fn event(number: u128) -> NewEvent {
    NewEvent {
        event_id: event_id(number),
        name: "account.changed".into(),
        schema_version: 1,
        payload: Payload::new(b"{}".as_slice()),
        metadata: Metadata::new(),
    }
}

/// Events with these ids for a stream at any version.
pub(crate) fn append<const N: usize>(key: &str, numbers: [u128; N]) -> Append {
    Append::new(stream(key), Expected::Any, numbers.map(event).into())
}

pub(crate) fn spawn(store: &MemoryStore, append: Append) -> JoinHandle<Result<Appended, AppendError>> {
    let store = store.clone();
    tokio::spawn(async move { store.append(append).await })
}

pub(crate) async fn page_after(store: &MemoryStore, after: u64) -> LogPage {
    store.read_all(Position::new(after), &Filter::default(), 100).await.unwrap()
}

pub(crate) async fn positions_after(store: &MemoryStore, after: u64) -> Vec<u64> {
    page_after(store, after).await.events.iter().map(|row| row.position.value()).collect()
}
