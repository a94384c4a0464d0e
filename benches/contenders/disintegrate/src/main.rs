//! disintegrate: decisions over queries of one log of events (DCB).
//!
//! Commands go through its `DecisionMaker`, appends through `PgEventStore::append`, tables and followers are fed by its
//! `PgEventListener`, which wakes on a `NOTIFY` that a trigger sends for every event; there is one row of progress per listener.
//! Appends are SERIALIZABLE, so that PostgreSQL refuses many on different accounts: these are tried again at once, as its
//! documentation leaves to the user. Values of identifiers are pasted into the SQL, so that every load is planned anew.
//! Snapshots are written by the load that replayed more than 100 events. There is no unique event id, no version of an
//! account, and the progress of a listener is not in the transaction of its handler.

mod listeners;

use anyhow::{Context, Result, bail};
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, Seen, unsupported};
use disintegrate::serde::json::Json;
use disintegrate::{
    BoxDynError, Decision, DecisionError, DecisionMaker, Event, EventSourcedStateStore, EventStore,
    LoadState, NoSnapshot, StateMutate, StateQuery, StreamItem, StreamQuery, WithSnapshot, query,
};
use disintegrate_postgres::{
    Error as StoreError, Migrator, PgEventId, PgEventStore, PgSnapshotter, WithPgSnapshot,
};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::process::ExitCode;

const CONNECTIONS_MAX: u32 = 16;
const SNAPSHOT_EVERY: u64 = 100;
const ATTEMPTS_MAX: u32 = 10_000;
const SCHEMA: &str = include_str!("schema.sql");

fn main() -> ExitCode {
    contender::main::<Disintegrate>()
}

type Store = PgEventStore<AccountEvent, Json<AccountEvent>>;

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
enum AccountEvent {
    Opened {
        #[id]
        account: i64,
        movement: Movement,
    },
    Deposited {
        #[id]
        account: i64,
        movement: Movement,
    },
    Withdrawn {
        #[id]
        account: i64,
        movement: Movement,
    },
}

impl AccountEvent {
    fn new(account: i64, (kind, movement): Entry) -> Self {
        match kind {
            Kind::Opened => Self::Opened { account, movement },
            Kind::Deposited => Self::Deposited { account, movement },
            Kind::Withdrawn => Self::Withdrawn { account, movement },
        }
    }

    fn parts(&self) -> (i64, Kind, &Movement) {
        match self {
            Self::Opened { account, movement } => (*account, Kind::Opened, movement),
            Self::Deposited { account, movement } => (*account, Kind::Deposited, movement),
            Self::Withdrawn { account, movement } => (*account, Kind::Withdrawn, movement),
        }
    }
}

/// What decides whether an account may be paid in on.
#[derive(Debug, Clone, Default, StateQuery, Serialize, Deserialize)]
#[state_query(AccountEvent)]
struct Account {
    #[id]
    account: i64,
    cents: i64,
    version: u64,
}

impl StateMutate for Account {
    fn mutate(&mut self, event: AccountEvent) {
        let (_, kind, movement) = event.parts();
        let mut balance = self.balance();
        balance.apply(kind, movement.cents);
        (self.cents, self.version) = (balance.cents, balance.version);
    }
}

impl Account {
    fn of(account: u64) -> Self {
        Self { account: account as i64, ..Self::default() }
    }

    fn balance(&self) -> Balance {
        Balance { cents: self.cents, version: self.version }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the account is not open")]
struct NotOpen;

struct Deposit {
    account: u64,
    cents: u64,
}

impl Decision for Deposit {
    type Event = AccountEvent;
    type StateQuery = Account;
    type Error = NotOpen;

    fn state_query(&self) -> Account {
        Account::of(self.account)
    }

    fn process(&self, state: &Account) -> Result<Vec<AccountEvent>, NotOpen> {
        if state.version == 0 {
            return Err(NotOpen);
        }
        let movement = Movement::new(self.account, self.cents);
        Ok(vec![AccountEvent::Deposited { account: self.account as i64, movement }])
    }
}

type Loads<S> = EventSourcedStateStore<PgEventId, AccountEvent, Store, S>;

enum Commands {
    Plain(DecisionMaker<Loads<NoSnapshot>>),
    Snapshots(DecisionMaker<Loads<WithPgSnapshot>>),
}

struct Disintegrate {
    pool: PgPool,
    store: Store,
    loads: Loads<NoSnapshot>,
    commands: Commands,
}

/// Knows the id of the account's last event.
struct Writer {
    account: i64,
    last: PgEventId,
}

async fn pool(place: &Place) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).test_before_acquire(false);
    Ok(options.connect(&place.url).await?)
}

/// Whether the append lost against another one, or PostgreSQL thinks that it might have.
fn lost(error: &StoreError) -> bool {
    match error {
        StoreError::Concurrency => true,
        StoreError::Database(sqlx::Error::Database(error)) => {
            matches!(error.code().as_deref(), Some("40001" | "40P01"))
        }
        _ => false,
    }
}

fn events_of(account: i64) -> StreamQuery<PgEventId, AccountEvent> {
    query!(AccountEvent; account == account)
}

fn boxed(error: BoxDynError) -> anyhow::Error {
    anyhow::anyhow!(error)
}

impl Contender for Disintegrate {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        let pool = pool(place).await?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        let store = Store::new_uninitialized(pool.clone(), Json::default());
        Migrator::new(store).init_listener().await?;
        PgSnapshotter::try_new(pool, SNAPSHOT_EVERY).await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let pool = pool(place).await?;
        let store = Store::new_uninitialized(pool.clone(), Json::default());
        let loads = EventSourcedStateStore::new(store.clone(), NoSnapshot);
        let commands = match mode {
            Mode::Plain => Commands::Plain(DecisionMaker::new(loads.clone())),
            Mode::Snapshots => {
                let snapshots = PgSnapshotter::new_uninitialized(pool.clone(), SNAPSHOT_EVERY);
                let loads = EventSourcedStateStore::new(store.clone(), WithSnapshot::new(snapshots));
                Commands::Snapshots(DecisionMaker::new(loads))
            }
            Mode::Cached => return unsupported("a cache of states"),
            _ => return unsupported("a mode of the limit"),
        };
        Ok(Self { pool, store, loads, commands })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        for _ in 0..ATTEMPTS_MAX {
            let deposit = Deposit { account, cents };
            let made = match &self.commands {
                Commands::Plain(commands) => commands.make(deposit).await,
                Commands::Snapshots(commands) => commands.make(deposit).await,
            };
            match made {
                Ok(_) => return Ok(()),
                Err(DecisionError::StateStore(error) | DecisionError::EventStore(error))
                    if error.downcast_ref::<StoreError>().is_some_and(lost) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("lost {ATTEMPTS_MAX} times")
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { account: account as i64, last: 0 })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let events: Vec<_> =
            entries.into_iter().map(|entry| AccountEvent::new(writer.account, entry)).collect();
        for _ in 0..ATTEMPTS_MAX {
            match self.store.append(events.clone(), events_of(writer.account), writer.last).await {
                Ok(persisted) => {
                    writer.last = persisted.last().context("an append of nothing")?.id();
                    return Ok(());
                }
                Err(error) if lost(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bail!("lost {ATTEMPTS_MAX} times")
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let loaded = self.loads.load(Account::of(account)).await.map_err(boxed)?;
        Ok(loaded.state().balance())
    }

    async fn count(&self) -> Result<u64> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(&self.pool).await?;
        Ok(count as u64)
    }

    async fn replay(&self) -> Result<Balances> {
        let all = query!(AccountEvent);
        let mut balances = Balances::new();
        let mut items = self.store.stream::<AccountEvent>(&all);
        while let Some(item) = items.try_next().await? {
            if let StreamItem::Event(event) = item {
                let (account, kind, movement) = event.parts();
                balances.entry(account as u64).or_default().apply(kind, movement.cents);
            }
        }
        Ok(balances)
    }

    async fn rebuild(&self, _workers: u16) -> Result<()> {
        listeners::rebuild(&self.pool, &self.store).await
    }

    async fn rows(&self) -> Result<Balances> {
        listeners::rows(&self.pool).await
    }

    async fn follow(&self, seen: Seen) -> Result<()> {
        listeners::follow(&self.pool, &self.store, seen).await
    }
}
