//! How often memory is allocated on the ways that every event takes. It is no promise, but more than these is noticed here
//! before it is noticed by those who wait.

#![allow(clippy::unwrap_used, reason = "what cannot be done fails the test")]

use allocation_counter::{AllocationInfo, measure};
use es_core::{
    Aggregate, Append, Apply, Event, EventId, EventStore, Expected, Metadata, NewEvent, Repository, StreamId,
    StreamRange, Version,
};
use es_memory::MemoryStore;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// A command on a stream of ten events that decides one: ten are read and folded, one is encoded, read back, checked and
/// appended.
const COMMAND_MAX: u64 = 56;
/// An append of one event that is encoded already.
const APPEND_MAX: u64 = 12;
/// An event with two texts that is decoded: those two.
const DECODE_MAX: u64 = 2;

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Deposited { cents: i64, reason: String, counterparty: String },
}

#[derive(Debug, Aggregate)]
#[allow(dead_code, reason = "an aggregate has an id")]
#[aggregate(event = AccountEvent, error = Infallible, id = String)]
struct Account {
    id: String,
    cents: i64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { cents, .. } = event;
        self.cents += cents;
    }
}

fn deposited() -> AccountEvent {
    let (reason, counterparty) = ("salary for the month of May".into(), "DE02120300000000202051".into());
    AccountEvent::Deposited { cents: 55, reason, counterparty }
}

fn encoded() -> NewEvent {
    NewEvent::encode(&deposited(), EventId::new(Uuid::now_v7()), Metadata::new()).unwrap()
}

fn stream() -> StreamId {
    StreamId::of::<Account>(&"a".to_owned()).unwrap()
}

/// A store with a stream of ten events, and what runs its calls on this thread, which is the one that is measured.
fn ten_events() -> (Runtime, MemoryStore) {
    let (runtime, store) = (Builder::new_current_thread().build().unwrap(), MemoryStore::default());
    let events = (0..10).map(|_| encoded()).collect();
    runtime.block_on(store.append(Append::new(stream(), Expected::Empty, events))).unwrap();
    (runtime, store)
}

fn assert_at_most(max: u64, what: &str, AllocationInfo { count_total, bytes_total, .. }: AllocationInfo) {
    println!("{what}: {count_total} allocations of {bytes_total} bytes in all");
    assert!(count_total <= max, "{what}: {count_total} allocations, at most {max} were expected");
}

#[test]
fn a_command_allocates_no_more_than_this() {
    let (runtime, store) = ten_events();
    let accounts = Repository::<Account>::new(store);
    let run = || {
        let decided = accounts.decide("a".to_owned(), |_| Ok(vec![deposited()]));
        runtime.block_on(decided).unwrap().version
    };
    let mut version = Version::ZERO;
    assert_at_most(COMMAND_MAX, "a command", measure(|| version = run()));
    assert_eq!(version, Version::new(11));
}

#[test]
fn an_append_allocates_no_more_than_this() {
    let (runtime, store) = ten_events();
    let append = Append::new(stream(), Expected::Exactly(Version::new(10)), vec![encoded()]);
    assert_at_most(
        APPEND_MAX,
        "an append",
        measure(|| drop(runtime.block_on(store.append(append)).unwrap())),
    );
}

#[test]
fn an_event_is_decoded_into_nothing_but_its_texts() {
    let (runtime, store) = ten_events();
    let mut page = runtime.block_on(store.read(&stream(), StreamRange::default())).unwrap();
    let recorded = page.events.remove(0);
    let mut decoded = None;
    let cost = measure(|| decoded = Some(recorded.decode::<AccountEvent>()));
    assert_at_most(DECODE_MAX, "decoding an event", cost);
    assert_eq!(decoded.unwrap().unwrap().data, deposited());
}
