//! [`Es`]: what is the same on every store.

use crate::account::{Account, AccountEvent, Balances, Deposit};
use anyhow::{Context, Result};
use contender::{Balance, Entry, Mode, Movement, Seen, account_of, id_of};
use es_core::{
    Append, EventId, Expected, Id, Metadata, NewEvent, Position, Projector, Repository, Snapshots, Store,
    StreamId, Subscription, Version,
};
use std::collections::HashMap;
use uuid::Uuid;

/// How many states are kept in memory, where they are.
const STATES_MAX: usize = 20_000;
/// How many events are read at a time when all are.
const PAGE_EVENTS: usize = 10_000;

/// The framework on a store.
pub struct Es<S> {
    store: S,
    accounts: Repository<Account>,
}

/// Appends to one account.
pub struct Writer {
    stream: StreamId,
    version: Version,
}

fn id(account: u64) -> Id<Account> {
    Id::from_uuid(id_of(account))
}

impl<S: Store + Clone> Es<S> {
    /// On this store, in one of its ways.
    pub fn new(store: S, mode: Mode) -> Self {
        let accounts = Repository::new(store.clone());
        let accounts = match mode {
            Mode::Cached => accounts.with_cache(STATES_MAX),
            Mode::Snapshots => accounts.with_snapshots(Snapshots::every(100)),
            _ => accounts,
        };
        Self { store, accounts }
    }

    /// As [`contender::Contender::deposit`].
    pub async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        self.accounts.execute(id(account), Deposit(Movement::new(account, cents))).await?;
        Ok(())
    }

    /// As [`contender::Contender::writer`].
    pub fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { stream: StreamId::of::<Account>(&id(account))?, version: Version::ZERO })
    }

    /// As [`contender::Contender::append`].
    pub async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let new =
            |entry| NewEvent::encode(&AccountEvent::of(entry), EventId::new(Uuid::now_v7()), Metadata::new());
        let events = entries.into_iter().map(new).collect::<Result<Vec<_>, _>>()?;
        let expected = Expected::Exactly(writer.version);
        let appended = self.store.append(Append::new(writer.stream.clone(), expected, events)).await?;
        writer.version = appended.version;
        Ok(())
    }

    /// As [`contender::Contender::balance`].
    pub async fn balance(&self, account: u64) -> Result<Balance> {
        let loaded = Repository::<Account>::new(self.store.clone()).load(id(account)).await?;
        Ok(Balance { cents: loaded.state.cents(), version: loaded.version.value() })
    }

    /// As [`contender::Contender::replay`].
    pub async fn replay(&self) -> Result<contender::Balances> {
        let mut balances = HashMap::<Uuid, Balance>::new();
        let Some(head) = self.store.head().await? else { return Ok(contender::Balances::new()) };
        let mut log = Subscription::new(self.store.clone()).with_page_events_max(PAGE_EVENTS);
        loop {
            let event = log.next().await?.decode::<AccountEvent>()?;
            event.data.apply_to(balances.entry(event.stream.id::<Account>()?.uuid()).or_default());
            if event.position >= head.position {
                break;
            }
        }
        Ok(balances.into_iter().map(|(id, balance)| (account_of(id), balance)).collect())
    }

    /// As [`contender::Contender::rebuild`].
    pub async fn rebuild(&self, workers: u16) -> Result<()> {
        let projector = Projector::<Balances>::new(self.store.clone());
        projector.any().clone().with_rebuild_workers(workers).rebuild(|_| ()).await?;
        Ok(())
    }

    /// As [`contender::Contender::rows`].
    pub async fn rows(&self) -> Result<contender::Balances> {
        let projector = Projector::<Balances>::new(self.store.clone());
        let (mut balances, mut after) = (contender::Balances::new(), None);
        loop {
            let page = projector.list(after.as_ref(), 1_000).await?;
            let Some((last, _)) = page.last() else { return Ok(balances) };
            after = Some(*last);
            for (id, view) in page {
                let balance = Balance { cents: view.cents, version: view.version };
                balances.insert(account_of(id.uuid()), balance);
            }
        }
    }

    /// As [`contender::Contender::follow`].
    pub async fn follow(&self, seen: Seen) -> Result<()> {
        let head = self.store.head().await?.map_or(Position::START, |head| head.position);
        let mut log = Subscription::new(self.store.clone()).after(head);
        seen.ready();
        loop {
            let event = log.next().await?.decode::<AccountEvent>()?;
            let AccountEvent::Deposited(movement) = event.data else { continue };
            seen.event(movement.cents);
        }
    }

    /// As [`contender::Contender::settle`].
    pub async fn settle(&self) {
        self.accounts.settle().await;
    }

    /// How many events a query counts.
    pub fn counted(count: i64) -> Result<u64> {
        u64::try_from(count).context("a count is never negative")
    }
}
