//! What needs no database: `cargo bench --manifest-path benches/Cargo.toml -p inside`.

#![allow(missing_docs)]

use contender::Movement;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use es_core::{
    Aggregate, Append, Apply, Draft, Event, EventId, EventStore, Expected, Filter, Handle, Id, Metadata,
    NewEvent, Payload, Position, Recorded, Repository, StreamId, Version,
};
use es_memory::MemoryStore;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// How many events the streams and the log have that are read.
const STREAM_EVENTS: u64 = 10;
const LOG_EVENTS: usize = 1_000;
/// How many streams a store has whose commands are measured.
const STREAMS: u64 = 2_000;

#[derive(Debug, Clone, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened(Movement),
    Deposited(Movement),
}

#[derive(Debug)]
struct NotOpen;

impl std::fmt::Display for NotOpen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the account is not open")
    }
}

impl std::error::Error for NotOpen {}

#[derive(Debug, Clone, Aggregate)]
#[aggregate(event = AccountEvent, error = NotOpen)]
struct Account {
    id: Id<Account>,
    is_open: bool,
    cents: u64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened(_) => self.is_open = true,
            AccountEvent::Deposited(movement) => self.cents += movement.cents,
        }
    }
}

struct Deposit(Movement);

impl Handle<Deposit> for Account {
    fn handle(&self, Deposit(movement): &Deposit) -> Result<Vec<AccountEvent>, NotOpen> {
        if !self.is_open {
            return Err(NotOpen);
        }
        let mut draft = Draft::of(self);
        draft.emit(AccountEvent::Deposited(movement.clone()));
        Ok(draft.into_events())
    }
}

fn account(nth: u64) -> Id<Account> {
    Id::from_uuid(contender::id_of(nth))
}

fn deposited() -> AccountEvent {
    AccountEvent::Deposited(Movement::new(17, 25))
}

fn encoded() -> NewEvent {
    NewEvent::encode(&deposited(), EventId::new(Uuid::now_v7()), Metadata::new()).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// A store with accounts, each opened and with deposits.
async fn store(accounts: u64) -> MemoryStore {
    let store = MemoryStore::default();
    for nth in 0..accounts {
        let opened = AccountEvent::Opened(Movement::new(nth, 0));
        let opened = NewEvent::encode(&opened, EventId::new(Uuid::now_v7()), Metadata::new()).unwrap();
        let mut events = vec![opened];
        events.extend((1..STREAM_EVENTS).map(|_| encoded()));
        let stream = StreamId::of::<Account>(&account(nth)).unwrap();
        store.append(Append::new(stream, Expected::Empty, events)).await.unwrap();
    }
    store
}

fn events(criterion: &mut Criterion) {
    let runtime = runtime();
    let (event, id) = (deposited(), account(17));
    let stream = StreamId::of::<Account>(&id).unwrap();
    let recorded: Recorded<Payload> = runtime.block_on(async {
        let page = store(1).await.read_all(Position::START, &Filter::default(), 10).await.unwrap();
        page.events.into_iter().next_back().unwrap()
    });
    let mut group = criterion.benchmark_group("event");
    group.bench_function("encode", |bencher| {
        let id = EventId::new(Uuid::now_v7());
        bencher.iter(|| NewEvent::encode(black_box(&event), id, Metadata::new()).unwrap());
    });
    group.bench_function("decode", |bencher| {
        bencher.iter_batched(
            || recorded.clone(),
            |recorded| recorded.decode::<AccountEvent>().unwrap(),
            criterion::BatchSize::SmallInput,
        );
    });
    let state = Account { id, is_open: true, cents: 0 };
    group.bench_function("apply", |bencher| {
        let mut state = state.clone();
        bencher.iter(|| black_box(&mut state).apply(black_box(&event)));
    });
    group.bench_function("handle with a draft", |bencher| {
        let deposit = Deposit(Movement::new(17, 25));
        bencher.iter(|| black_box(&state).handle(black_box(&deposit)).unwrap());
    });
    group.bench_function("stream id of an aggregate", |bencher| {
        bencher.iter(|| StreamId::of::<Account>(black_box(&id)).unwrap());
    });
    let filter = Filter::default().category("account").name("account.deposited");
    group.bench_function("filter", |bencher| {
        bencher.iter(|| black_box(&filter).wants(black_box(&stream), black_box("account.deposited")));
    });
    group.finish();
}

fn memory(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("memory store");
    group.bench_function("append one event", |bencher| {
        let store = MemoryStore::default();
        let stream = StreamId::of::<Account>(&account(1)).unwrap();
        let mut version = Version::ZERO;
        bencher.iter(|| {
            let append = Append::new(stream.clone(), Expected::Exactly(version), vec![encoded()]);
            version = runtime.block_on(store.append(append)).unwrap().version;
        });
    });
    let accounts = Repository::<Account>::new(runtime.block_on(store(100)));
    group.bench_function("load ten events", |bencher| {
        bencher.iter(|| runtime.block_on(accounts.load(account(17))).unwrap());
    });
    group.bench_function("command on ten events", |bencher| {
        // A command makes its stream longer: each stream has one.
        bencher.iter_custom(|commands| {
            let (mut left, mut took) = (commands, Duration::ZERO);
            while left > 0 {
                let count = left.min(STREAMS);
                let accounts = Repository::<Account>::new(runtime.block_on(store(count)));
                let began = Instant::now();
                for nth in 0..count {
                    let deposit = Deposit(Movement::new(nth, 25));
                    black_box(runtime.block_on(accounts.execute(account(nth), deposit)).unwrap());
                }
                took += began.elapsed();
                left -= count;
            }
            took
        });
    });
    let store = runtime.block_on(store(LOG_EVENTS as u64 / STREAM_EVENTS));
    group.throughput(Throughput::Elements(LOG_EVENTS as u64));
    group.bench_function("read and decode 1,000 events of the log", |bencher| {
        bencher.iter(|| {
            let filter = Filter::default();
            let page = store.read_all(Position::START, &filter, LOG_EVENTS);
            let page = runtime.block_on(page).unwrap();
            page.events.into_iter().map(|event| event.decode::<AccountEvent>().unwrap()).collect::<Vec<_>>()
        });
    });
    group.finish();
}

criterion_group!(inside, events, memory);
criterion_main!(inside);
