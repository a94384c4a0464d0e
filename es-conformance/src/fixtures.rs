//! What the cases append and look at.

mod accounts;
mod faults;
mod projections;

pub(crate) use accounts::{Account, AccountError, AccountEvent, Deposit};
pub(crate) use faults::{
    AnswersLost, CommitsLost, Counted, GivingWay, Paused, Pauses, SnapshotsBroken, SnapshotsStuck, Vanishing,
};
pub(crate) use projections::{Balances, Owners, folded};

use crate::{Instance, Settings, Subject};
use es_core::{
    Append, Appended, CommandId, EventId, EventStore, Expected, Filter, Metadata, NewEvent, Payload,
    Position, ProjectionId, Recorded, Store, StreamId, StreamRange, Version,
};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

/// A store without events.
pub(crate) async fn store(subject: &dyn Subject) -> Arc<dyn Store> {
    subject.instance(Settings::default()).await.store()
}

/// A store without events, and what can be done to it.
pub(crate) async fn instance(subject: &dyn Subject) -> Box<dyn Instance> {
    subject.instance(Settings::default()).await
}

/// What an instance gave for an ability that its subject does not lack.
pub(crate) fn promised<T>(given: Option<T>) -> T {
    given.expect("the subject does not declare this ability as lacking, and its instance has none")
}

pub(crate) fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub(crate) fn command_id(text: &str) -> CommandId {
    CommandId::new(text).unwrap()
}

pub(crate) fn projection(name: &str) -> ProjectionId {
    ProjectionId::new(name, 1).unwrap()
}

/// An event with a new id.
pub(crate) fn event(name: &'static str, json: impl Into<Vec<u8>>) -> NewEvent {
    NewEvent {
        event_id: EventId::new(Uuid::now_v7()),
        name: name.into(),
        schema_version: 1,
        payload: Payload::new(json.into()),
        metadata: Metadata::new(),
    }
}

/// Events that are numbered in their payloads.
pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (1..=count).map(|number| event("account.changed", format!("{{\"number\":{number}}}"))).collect()
}

/// An append of `count` events to a stream that may be anywhere.
pub(crate) fn append(key: &str, count: usize) -> Append {
    Append::new(stream(key), Expected::Any, events(count))
}

pub(crate) fn command(key: &str, id: &str, count: usize) -> Append {
    Append { command_id: Some(command_id(id)), ..append(key, count) }
}

pub(crate) async fn appended(store: &Arc<dyn Store>, append: Append) -> Appended {
    store.append(append).await.unwrap()
}

/// Appends events of an account.
pub(crate) async fn recorded(
    store: &Arc<dyn Store>,
    key: &str,
    events: impl IntoIterator<Item = AccountEvent>,
) -> Appended {
    let encode = |event: AccountEvent| {
        NewEvent::encode(&event, EventId::new(Uuid::now_v7()), Metadata::new()).unwrap()
    };
    let events = events.into_iter().map(encode).collect();
    appended(store, Append::new(stream(key), Expected::Any, events)).await
}

/// `count` deposits of a cent.
pub(crate) async fn deposits(store: &Arc<dyn Store>, key: &str, count: usize) -> Appended {
    recorded(store, key, vec![AccountEvent::Deposited { cents: 1 }; count]).await
}

/// The whole stream, read in pages.
pub(crate) async fn whole_stream(store: &Arc<dyn Store>, stream: &StreamId) -> Vec<Recorded<Payload>> {
    let (mut events, mut after) = (Vec::new(), Version::ZERO);
    loop {
        let page = store.read(stream, StreamRange::after(after)).await.unwrap();
        events.extend(page.events);
        match events.last() {
            Some(last) if page.more => after = last.version,
            _ => return events,
        }
    }
}

/// What passes `filter` in the whole log, read in pages of `limit`.
pub(crate) async fn filtered_log(
    store: &Arc<dyn Store>,
    filter: &Filter,
    limit: usize,
) -> Vec<Recorded<Payload>> {
    let (mut events, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_all(after, filter, limit).await.unwrap();
        assert!(page.events.len() <= limit, "a page of {limit} has {} events", page.events.len());
        events.extend(page.events);
        match page.cursor {
            Some(cursor) => {
                assert!(cursor.position > after, "the cursor {} is not behind {after}", cursor.position);
                after = cursor.position;
            }
            None => assert!(!page.more, "a page that leads on has a cursor"),
        }
        if !page.more {
            return events;
        }
    }
}

pub(crate) async fn whole_log(store: &Arc<dyn Store>) -> Vec<Recorded<Payload>> {
    filtered_log(store, &Filter::default(), 1_000).await
}

pub(crate) fn ids<'a>(events: impl IntoIterator<Item = &'a Recorded<Payload>>) -> Vec<EventId> {
    events.into_iter().map(|event| event.event_id).collect()
}

pub(crate) fn new_ids(events: &[NewEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.event_id).collect()
}

pub(crate) fn versions<'a>(events: impl IntoIterator<Item = &'a Recorded<Payload>>) -> Vec<u64> {
    events.into_iter().map(|event| event.version.value()).collect()
}

/// Asserts that what is in the store is whole: versions without gap, positions unique and in the order of streams.
pub(crate) async fn assert_whole(store: &Arc<dyn Store>) {
    let log = whole_log(store).await;
    assert!(log.is_sorted_by(|a, b| a.position < b.position), "positions increase and are unique");
    let mut ends = std::collections::HashMap::<StreamId, u64>::new();
    let mut seen = std::collections::HashSet::new();
    for event in &log {
        let end = ends.entry(event.stream.clone()).or_default();
        *end += 1;
        assert_eq!(event.version.value(), *end, "the versions of {} have no gap", event.stream);
        assert!(seen.insert(event.event_id), "event id {} is there once", event.event_id);
    }
    for (stream, end) in ends {
        assert_eq!(whole_stream(store, &stream).await.len() as u64, end, "{stream} is the same in the log");
    }
}

/// Runs `test` for some values of `strategy`, and for the smallest one that fails.
pub(crate) fn for_all<S, T>(cases: u32, strategy: S, test: T)
where
    S: Strategy<Value: Debug>,
    T: AsyncFn(S::Value),
{
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let runtime = tokio::runtime::Handle::current();
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&strategy, |value| {
            runtime.block_on(test(value));
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
