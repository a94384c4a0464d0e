//! [`Es`]: the contender, the same on every store.

use crate::account::{Account, AccountEvent, Balances, Deposit};
use anyhow::{Context, Result};
use contender::{Balance, Contender, Entry, Mode, Movement, Place, Seen, account_of, id_of};
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

/// A store with what only its database knows.
pub trait Kept: Store + Clone {
    /// Opens it, and makes it where it does not exist.
    fn at(place: &Place) -> impl Future<Output = Result<Self>> + Send;

    /// Finishes what was queued.
    fn end(&self) -> impl Future<Output = Result<()>> + Send;

    /// How many events the database counts.
    fn count(place: &Place) -> impl Future<Output = Result<i64>> + Send;
}

/// The framework on a store.
pub struct Es<S> {
    place: Place,
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

impl<S: Kept> Contender for Es<S> {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        S::at(place).await?.end().await
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let store = S::at(place).await?;
        let accounts = Repository::new(store.clone());
        let accounts = match mode {
            Mode::Cached => accounts.with_cache(STATES_MAX),
            Mode::Snapshots => accounts.with_snapshots(Snapshots::every(100)),
            _ => accounts,
        };
        Ok(Self { place: place.clone(), store, accounts })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        self.accounts.execute(id(account), Deposit(Movement::new(account, cents))).await?;
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { stream: StreamId::of::<Account>(&id(account))?, version: Version::ZERO })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let new =
            |entry| NewEvent::encode(&AccountEvent::of(entry), EventId::new(Uuid::now_v7()), Metadata::new());
        let events = entries.into_iter().map(new).collect::<Result<Vec<_>, _>>()?;
        let expected = Expected::Exactly(writer.version);
        let appended = self.store.append(Append::new(writer.stream.clone(), expected, events)).await?;
        writer.version = appended.version;
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let loaded = Repository::<Account>::new(self.store.clone()).load(id(account)).await?;
        Ok(Balance { cents: loaded.state.cents(), version: loaded.version.value() })
    }

    async fn replay(&self) -> Result<contender::Balances> {
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

    async fn rebuild(&self, workers: u16) -> Result<()> {
        let projector = Projector::<Balances>::new(self.store.clone());
        projector.any().clone().with_rebuild_workers(workers).rebuild(|_| ()).await?;
        Ok(())
    }

    async fn rows(&self) -> Result<contender::Balances> {
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

    async fn follow(&self, seen: Seen) -> Result<()> {
        let head = self.store.head().await?.map_or(Position::START, |head| head.position);
        let mut log = Subscription::new(self.store.clone()).after(head);
        seen.ready();
        loop {
            let event = log.next().await?.decode::<AccountEvent>()?;
            let AccountEvent::Deposited(movement) = event.data else { continue };
            seen.event(movement.cents);
        }
    }

    async fn settle(&self) -> Result<()> {
        self.accounts.settle().await;
        Ok(())
    }

    async fn count(&self) -> Result<u64> {
        u64::try_from(S::count(&self.place).await?).context("a count is never negative")
    }
}
