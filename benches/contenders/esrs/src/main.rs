//! esrs: aggregates in a table of events, handlers that run in the transaction of the append.
//!
//! Commands go through `AggregateManager::load` and `handle_command`, whose check is the unique key on account and number;
//! its lock (`lock_and_load`) is not taken, as it is optional and slower. Appends go through `PgStore::persist`: a transaction
//! with one INSERT per event. There is no total order (all events are sorted by time), no snapshot and no listener but
//! message brokers. A table is filled by `PgRebuilder::by_aggregate_id`, one transaction per account and an upsert per event;
//! its `all_at_once` deletes the row of the account before every event, so that only the last one would count.

use anyhow::{Context, Result};
use async_trait::async_trait;
use contender::{
    Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, account_of, id_of, unsupported,
};
use esrs::handler::TransactionalEventHandler;
use esrs::manager::AggregateManager;
use esrs::rebuilder::{PgRebuilder, Rebuilder};
use esrs::store::postgres::{PgStore, PgStoreBuilder, PgStoreError, UuidFormat};
use esrs::store::{EventStore, StoreEvent};
use esrs::{Aggregate, AggregateState};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use std::process::ExitCode;
use uuid::Uuid;

const CONNECTIONS_MAX: u32 = 16;

fn main() -> ExitCode {
    contender::main::<Esrs>()
}

#[derive(Debug, Serialize, Deserialize)]
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

    fn parts(&self) -> (Kind, u64) {
        match self {
            Self::Opened(movement) => (Kind::Opened, movement.cents),
            Self::Deposited(movement) => (Kind::Deposited, movement.cents),
            Self::Withdrawn(movement) => (Kind::Withdrawn, movement.cents),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the account is not open")]
struct NotOpen;

struct Deposit(Movement);

struct Account;

impl Aggregate for Account {
    const NAME: &'static str = "account";
    type State = Balance;
    type Command = Deposit;
    type Event = AccountEvent;
    type Error = NotOpen;

    fn handle_command(state: &Balance, command: Deposit) -> Result<Vec<AccountEvent>, NotOpen> {
        if state.version == 0 {
            return Err(NotOpen);
        }
        Ok(vec![AccountEvent::Deposited(command.0)])
    }

    fn apply_event(mut state: Balance, event: AccountEvent) -> Balance {
        let (kind, cents) = event.parts();
        state.apply(kind, cents);
        state
    }
}

struct Esrs {
    pool: PgPool,
    store: PgStore<Account>,
    manager: AggregateManager<PgStore<Account>>,
}

async fn pool(place: &Place) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).test_before_acquire(false);
    Ok(options.connect(&place.url).await?)
}

impl Contender for Esrs {
    type Writer = AggregateState<Balance>;

    async fn set_up(place: &Place) -> Result<()> {
        PgStoreBuilder::<Account>::new(pool(place).await?).try_build().await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        match mode {
            Mode::Plain => (),
            Mode::Cached => return unsupported("a cache of states"),
            Mode::Snapshots => return unsupported("a snapshot"),
            _ => return unsupported("a mode of the limit"),
        }
        let pool = pool(place).await?;
        let builder = PgStoreBuilder::new(pool.clone()).with_event_id_format(UuidFormat::V7);
        let store = builder.without_running_migrations().try_build().await?;
        Ok(Self { pool, manager: AggregateManager::new(store.clone()), store })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let loaded = self.manager.load(id_of(account)).await?.context("the account has no events")?;
        let command = Deposit(Movement::new(account, cents));
        self.manager.handle_command(loaded, command).await??;
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<AggregateState<Balance>> {
        Ok(AggregateState::with_id(id_of(account)))
    }

    async fn append(&self, writer: &mut AggregateState<Balance>, entries: Vec<Entry>) -> Result<()> {
        let events = entries.into_iter().map(AccountEvent::new).collect();
        self.store.persist(writer, events).await?;
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let loaded = self.manager.load(id_of(account)).await?;
        Ok(loaded.map_or_else(Balance::default, AggregateState::into_inner))
    }

    async fn count(&self) -> Result<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM account_events").fetch_one(&self.pool).await?;
        Ok(count as u64)
    }

    async fn replay(&self) -> Result<Balances> {
        let mut balances = Balances::new();
        let mut events = self.store.stream_events(&self.pool);
        while let Some(event) = events.try_next().await? {
            let (kind, cents) = event.payload().parts();
            balances.entry(account_of(event.aggregate_id)).or_default().apply(kind, cents);
        }
        Ok(balances)
    }

    async fn rebuild(&self, _workers: u16) -> Result<()> {
        let sql = "CREATE TABLE balances (account uuid PRIMARY KEY, cents bigint NOT NULL, version bigint NOT NULL)";
        sqlx::query(sql).execute(&self.pool).await?;
        let rebuilder =
            PgRebuilder::<Account>::new().with_transactional_event_handlers(vec![Box::new(Table)]);
        rebuilder.by_aggregate_id(self.pool.clone()).await?;
        Ok(())
    }

    async fn rows(&self) -> Result<Balances> {
        let rows: Vec<(Uuid, i64, i64)> =
            sqlx::query_as("SELECT account, cents, version FROM balances").fetch_all(&self.pool).await?;
        let row = |(id, cents, version)| (account_of(id), Balance { cents, version: version as u64 });
        Ok(rows.into_iter().map(row).collect())
    }
}

/// Keeps one row per account.
struct Table;

#[async_trait]
impl TransactionalEventHandler<Account, PgStoreError, PgConnection> for Table {
    async fn handle(
        &self,
        event: &StoreEvent<AccountEvent>,
        transaction: &mut PgConnection,
    ) -> Result<(), PgStoreError> {
        let (kind, cents) = event.payload().parts();
        let mut change = Balance::default();
        change.apply(kind, cents);
        let sql = "INSERT INTO balances AS b (account, cents, version) VALUES ($1, $2, 1) \
             ON CONFLICT (account) DO UPDATE SET cents = b.cents + $2, version = b.version + 1";
        sqlx::query(sql).bind(event.aggregate_id).bind(change.cents).execute(transaction).await?;
        Ok(())
    }

    async fn delete(&self, account: Uuid, transaction: &mut PgConnection) -> Result<(), PgStoreError> {
        sqlx::query("DELETE FROM balances WHERE account = $1").bind(account).execute(transaction).await?;
        Ok(())
    }
}
