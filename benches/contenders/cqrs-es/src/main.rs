//! cqrs-es on postgres-es: aggregates, and queries that are told of the events after the commit.
//!
//! Commands go through `CqrsFramework::execute`, appends through `EventStore::commit` with a context of the known sequence.
//! An append is a transaction with one INSERT per event; there is no total order, no unique event id and no listener: a table
//! is filled by `QueryReplay` over all events, sorted by their number in the account, with a view read and written per event.
//! As its documentation has `handle` apply what it emits, and the store applies it once more, the states in its snapshots
//! are wrong (the events of the command that makes one count twice); commands do not notice here, `balance` reads the events.
//! It makes one whenever an account passes 100 events more, so that accounts must be filled in the same mode to have any.

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, unsupported};
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{EventStoreAggregateContext, GenericQuery, PersistedEventStore, QueryReplay};
use cqrs_es::{Aggregate, AggregateContext, DomainEvent, EventEnvelope, EventStore, View};
use postgres_es::{
    PostgresCqrs, PostgresEventRepository, PostgresViewRepository, postgres_cqrs, postgres_snapshot_cqrs,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sqlx::types::Json;
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const CONNECTIONS_MAX: u32 = 16;
const SNAPSHOT_EVERY: usize = 100;
const STREAMED_AHEAD: usize = 1_000;

/// As in the `init.sql` of postgres-es.
const TABLES: &str = "
CREATE TABLE events (
    aggregate_type text                         NOT NULL,
    aggregate_id   text                         NOT NULL,
    sequence       bigint CHECK (sequence >= 0) NOT NULL,
    event_type     text                         NOT NULL,
    event_version  text                         NOT NULL,
    payload        json                         NOT NULL,
    metadata       json                         NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE TABLE snapshots (
    aggregate_type   text                                 NOT NULL,
    aggregate_id     text                                 NOT NULL,
    last_sequence    bigint CHECK (last_sequence >= 0)    NOT NULL,
    current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL,
    payload          json                                 NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, last_sequence)
);";
const VIEW: &str = "CREATE TABLE balances (
    view_id text                        NOT NULL,
    version bigint CHECK (version >= 0) NOT NULL,
    payload json                        NOT NULL,
    PRIMARY KEY (view_id)
)";

fn main() -> ExitCode {
    contender::main::<CqrsEs>()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened(Movement),
    Deposited(Movement),
    Withdrawn(Movement),
}

impl AccountEvent {
    fn new((kind, movement): Entry) -> Self {
        match kind {
            Kind::Opened => Self::Opened(movement),
            Kind::Deposited => Self::Deposited(movement),
            Kind::Withdrawn => Self::Withdrawn(movement),
        }
    }

    fn parts(&self) -> (Kind, &Movement) {
        match self {
            Self::Opened(movement) => (Kind::Opened, movement),
            Self::Deposited(movement) => (Kind::Deposited, movement),
            Self::Withdrawn(movement) => (Kind::Withdrawn, movement),
        }
    }
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Opened(_) => "Opened",
            Self::Deposited(_) => "Deposited",
            Self::Withdrawn(_) => "Withdrawn",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// The aggregate, and the view as well.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Account {
    cents: i64,
    version: u64,
}

impl Account {
    fn take(&mut self, event: &AccountEvent) {
        let (kind, movement) = event.parts();
        let mut balance = self.balance();
        balance.apply(kind, movement.cents);
        (self.cents, self.version) = (balance.cents, balance.version);
    }

    fn balance(&self) -> Balance {
        Balance { cents: self.cents, version: self.version }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the account is not open")]
struct NotOpen;

struct Deposit(Movement);

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = Deposit;
    type Event = AccountEvent;
    type Error = NotOpen;
    type Services = ();

    async fn handle(&mut self, command: Deposit, _: &(), sink: &EventSink<Self>) -> Result<(), NotOpen> {
        if self.version == 0 {
            return Err(NotOpen);
        }
        sink.write(AccountEvent::Deposited(command.0), self).await;
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        self.take(&event);
    }
}

impl View<Account> for Account {
    fn update(&mut self, event: &EventEnvelope<Account>) {
        self.take(&event.payload);
    }
}

struct CqrsEs {
    pool: PgPool,
    commands: PostgresCqrs<Account>,
    /// Appends as commands do, with or without snapshots.
    appends: Store,
    /// Loads from events alone.
    loads: Store,
}

type Store = PersistedEventStore<PostgresEventRepository, Account>;

/// Knows the account, how many events it has, and how many snapshots there have been.
struct Writer {
    id: String,
    account: Account,
    sequence: usize,
    snapshots: Option<usize>,
}

async fn pool(place: &Place) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).test_before_acquire(false);
    Ok(options.connect(&place.url).await?)
}

impl CqrsEs {
    fn repository(&self) -> PostgresEventRepository {
        PostgresEventRepository::new(self.pool.clone()).with_streaming_channel_size(STREAMED_AHEAD)
    }
}

impl Contender for CqrsEs {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        sqlx::raw_sql(TABLES).execute(&pool(place).await?).await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let pool = pool(place).await?;
        let repository = || PostgresEventRepository::new(pool.clone());
        let (commands, appends) = match mode {
            Mode::Plain => {
                (postgres_cqrs(pool.clone(), Vec::new(), ()), Store::new_event_store(repository()))
            }
            Mode::Snapshots => (
                postgres_snapshot_cqrs(pool.clone(), Vec::new(), SNAPSHOT_EVERY, ()),
                Store::new_snapshot_store(repository(), SNAPSHOT_EVERY),
            ),
            Mode::Cached => return unsupported("a cache of states"),
            _ => return unsupported("a mode of the limit"),
        };
        let loads = Store::new_event_store(repository());
        Ok(Self { pool, commands, appends, loads })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let command = Deposit(Movement::new(account, cents));
        Ok(self.commands.execute(&account.to_string(), command).await?)
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { id: account.to_string(), account: Account::default(), sequence: 0, snapshots: None })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let events: Vec<_> = entries.into_iter().map(AccountEvent::new).collect();
        let context = EventStoreAggregateContext {
            aggregate_id: writer.id.clone(),
            aggregate: writer.account.clone(),
            current_sequence: writer.sequence,
            current_snapshot: writer.snapshots,
        };
        let before = writer.sequence;
        for envelope in self.appends.commit(events, context, HashMap::new()).await? {
            writer.account.take(&envelope.payload);
            writer.sequence = envelope.sequence;
        }
        // The store saves a snapshot at every so many events, or at the last of them that an append passes.
        if writer.sequence / SNAPSHOT_EVERY > before / SNAPSHOT_EVERY {
            writer.snapshots = Some(writer.snapshots.map_or(1, |count| count + 1));
        }
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let mut loaded = self.loads.load_aggregate(&account.to_string()).await?;
        Ok(loaded.aggregate().balance())
    }

    async fn count(&self) -> Result<u64> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&self.pool).await?;
        Ok(count as u64)
    }

    async fn replay(&self) -> Result<Balances> {
        let fold = Fold::default();
        QueryReplay::new(self.repository(), fold.clone()).replay_all().await?;
        Ok(std::mem::take(&mut *fold.0.lock().expect("no fold panics")))
    }

    async fn rebuild(&self, _workers: u16) -> Result<()> {
        sqlx::query(VIEW).execute(&self.pool).await?;
        let views = PostgresViewRepository::<Account, Account>::new("balances", self.pool.clone());
        let failed = Arc::new(AtomicBool::new(false));
        let mut query = GenericQuery::new(Arc::new(views));
        let fails = Arc::clone(&failed);
        query.use_error_handler(Box::new(move |_| fails.store(true, Ordering::Relaxed)));
        QueryReplay::new(self.repository(), query).replay_all().await?;
        if failed.load(Ordering::Relaxed) {
            bail!("an event did not come into the view");
        }
        Ok(())
    }

    async fn rows(&self) -> Result<Balances> {
        let rows: Vec<(String, Json<Account>)> =
            sqlx::query_as("SELECT view_id, payload FROM balances").fetch_all(&self.pool).await?;
        let row = |(id, view): (String, Json<Account>)| {
            Ok((id.parse().context("a view of another account")?, view.balance()))
        };
        rows.into_iter().map(row).collect()
    }
}

/// A query that keeps the balances in memory.
#[derive(Clone, Default)]
struct Fold(Arc<Mutex<Balances>>);

#[async_trait]
impl cqrs_es::Query<Account> for Fold {
    async fn dispatch(&self, account: &str, events: &[EventEnvelope<Account>]) {
        let account: u64 = account.parse().expect("ids are numbers");
        let mut balances = self.0.lock().expect("no fold panics");
        for event in events {
            let (kind, movement) = event.payload.parts();
            balances.entry(account).or_default().apply(kind, movement.cents);
        }
    }
}
