//! es-entity: entities with a row in an index table, and their events in another table.
//!
//! Commands find the entity and update it, appends create it and then push events on the one in hand; each is a transaction
//! with one statement for all events. Its queries are checked while it is built, against the answers in `.sqlx`.
//! There is no order of all events and no event id; what follows the log or fills tables is another crate's (obix).
//! A replay reads all entities by pages, in the order of their ids. Its snapshots are left out.

#![allow(missing_docs, reason = "the macros of es-entity make types without a word")]

use anyhow::{Result, bail};
use contender::{
    Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, account_of, id_of, unsupported,
};
use es_entity::{
    EntityEvents, EntityEventsBuilder, EntityHydrationError, EsEntity, EsEvent, EsRepo, FromCaller,
    IntoEvents, ListDirection, PaginatedQueryArgs, TryFromEvents,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::process::ExitCode;
use uuid::Uuid;

const CONNECTIONS_MAX: u32 = 16;
const ENTITIES_PER_PAGE: usize = 1_000;
const TABLES: &str = include_str!("../migrations/1_accounts.sql");

fn main() -> ExitCode {
    contender::main::<Entities>()
}

es_entity::entity_id! { AccountId }

#[derive(Debug, EsEvent, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[es_event(id = "AccountId")]
enum AccountEvent {
    Opened { movement: Movement },
    Deposited { movement: Movement },
    Withdrawn { movement: Movement },
}

impl AccountEvent {
    fn new((kind, movement): Entry) -> Self {
        match kind {
            Kind::Opened => Self::Opened { movement },
            Kind::Deposited => Self::Deposited { movement },
            Kind::Withdrawn => Self::Withdrawn { movement },
        }
    }

    fn parts(&self) -> (Kind, u64) {
        match self {
            Self::Opened { movement } => (Kind::Opened, movement.cents),
            Self::Deposited { movement } => (Kind::Deposited, movement.cents),
            Self::Withdrawn { movement } => (Kind::Withdrawn, movement.cents),
        }
    }
}

/// A new entity has at least one event.
struct NewAccount {
    id: AccountId,
    events: Vec<AccountEvent>,
}

impl IntoEvents<AccountEvent> for NewAccount {
    type IdSource = FromCaller;

    fn into_events(
        self,
        builder: EntityEventsBuilder<AccountEvent, FromCaller>,
    ) -> EntityEvents<AccountEvent> {
        builder.initial_events(self.id, self.events)
    }
}

#[derive(EsEntity)]
struct Account {
    id: AccountId,
    balance: Balance,
    events: EntityEvents<AccountEvent>,
}

impl TryFromEvents<AccountEvent> for Account {
    fn try_from_events(events: EntityEvents<AccountEvent>) -> Result<Self, EntityHydrationError> {
        let mut balance = Balance::default();
        for event in events.iter_all() {
            let (kind, cents) = event.parts();
            balance.apply(kind, cents);
        }
        Ok(Self { id: *events.id(), balance, events })
    }
}

impl Account {
    fn deposit(&mut self, movement: Movement) -> Result<()> {
        if self.balance.version == 0 {
            bail!("the account is not open");
        }
        self.events.push(AccountEvent::Deposited { movement });
        Ok(())
    }
}

#[derive(EsRepo)]
#[es_repo(entity = "Account", id(source = caller))]
struct Accounts {
    pool: PgPool,
}

struct Entities {
    accounts: Accounts,
}

/// Has the entity in hand, once it is there.
struct Writer {
    id: AccountId,
    entity: Option<Account>,
}

async fn pool(place: &Place) -> Result<PgPool> {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).test_before_acquire(false);
    Ok(options.connect(&place.url).await?)
}

impl Contender for Entities {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        sqlx::raw_sql(TABLES).execute(&pool(place).await?).await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        match mode {
            Mode::Plain => (),
            Mode::Cached => return unsupported("a cache of states"),
            Mode::Snapshots => return unsupported("a snapshot beside the plain entity"),
            _ => return unsupported("a mode of the limit"),
        }
        Ok(Self { accounts: Accounts { pool: pool(place).await? } })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let mut entity = self.accounts.find_by_id(AccountId::from(id_of(account))).await?;
        entity.deposit(Movement::new(account, cents))?;
        self.accounts.update(&mut entity).await?;
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { id: AccountId::from(id_of(account)), entity: None })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let events = entries.into_iter().map(AccountEvent::new);
        if let Some(entity) = &mut writer.entity {
            entity.events.extend(events);
            self.accounts.update(entity).await?;
        } else {
            let new = NewAccount { id: writer.id, events: events.collect() };
            writer.entity = Some(self.accounts.create(new).await?);
        }
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let found = self.accounts.maybe_find_by_id(AccountId::from(id_of(account))).await?;
        Ok(found.map_or_else(Balance::default, |entity| entity.balance))
    }

    async fn count(&self) -> Result<u64> {
        let pool = &self.accounts.pool;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM account_events").fetch_one(pool).await?;
        Ok(count as u64)
    }

    async fn replay(&self) -> Result<Balances> {
        let mut balances = Balances::new();
        let mut next = Some(PaginatedQueryArgs { first: ENTITIES_PER_PAGE, after: None });
        while let Some(args) = next {
            let page = self.accounts.list_by_id(args, ListDirection::Ascending).await?;
            for entity in page.entities() {
                balances.insert(account_of(Uuid::from(entity.id)), entity.balance);
            }
            next = page.into_next_query();
        }
        Ok(balances)
    }
}
