//! evento: aggregates, projections that load them, subscriptions that poll.
//!
//! Commands load a projection and go on through its `write` gateway, appends through `evento::append` with the known version;
//! an append that is not the first asks for the routing key and the version before it inserts, without a transaction. Events
//! are encoded with bitcode, as its macros have it. The order of all events is that of the database's clock and then of random
//! ids: subscriptions stay one second behind, and an insert that takes longer is skipped. Versions have 16 bits.
//! Snapshots are saved by every load, of what is older than a second; the cache is its snapshot in memory. A table is filled
//! by a subscription with an upsert per event, a follower polls every 50 ms. On SQLite, one connection writes, WAL, FULL.

#![allow(missing_docs, reason = "the macros of evento make types without a word")]

mod account;
mod store;
mod subscriptions;

pub use store::{Postgres, Sqlite, Store};

use account::{Cached, Deposited, Opened, Plain, Saved, Withdrawn};
use anyhow::{Context, Result, bail};
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Place, Seen, unsupported};
use evento::ProjectionAggregate;

/// evento on a store.
pub struct Evento<S> {
    store: S,
    mode: Mode,
}

/// Knows how many events the account has.
pub struct Writer {
    account: u64,
    version: u16,
}

impl<S: Store> Contender for Evento<S> {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        S::set_up(place).await
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        if !matches!(mode, Mode::Plain | Mode::Cached | Mode::Snapshots) {
            return unsupported("a mode of the limit");
        }
        Ok(Self { store: S::open(place).await?, mode })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let (id, executor) = (account.to_string(), self.store.executor());
        let mut write = match self.mode {
            Mode::Cached => {
                account::cached().load(id).execute(executor).await?.map(|row: Cached| row.write())
            }
            Mode::Snapshots => {
                account::saved().load(id).execute(executor).await?.map(|row: Saved| row.write())
            }
            _ => account::plain().load(id).execute(executor).await?.map(|row: Plain| row.write()),
        }
        .context("the account has no events")??;
        write.event(&Deposited::new(account, cents)).commit(executor).await?;
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { account, version: 0 })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let count = u16::try_from(entries.len())?;
        let mut append = evento::append(writer.account.to_string());
        append.original_version(writer.version);
        for (kind, movement) in entries {
            match kind {
                Kind::Opened => append.event(&Opened::from(movement)),
                Kind::Deposited => append.event(&Deposited::from(movement)),
                Kind::Withdrawn => append.event(&Withdrawn::from(movement)),
            };
        }
        append.commit(self.store.executor()).await?;
        let Some(version) = writer.version.checked_add(count) else { bail!("the account is full") };
        writer.version = version;
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let loaded = account::plain().load(account.to_string()).execute(self.store.executor()).await?;
        Ok(loaded.map_or_else(Balance::default, |row: Plain| row.balance()))
    }

    async fn count(&self) -> Result<u64> {
        self.store.count().await
    }

    async fn replay(&self) -> Result<Balances> {
        subscriptions::replay(self.store.executor()).await
    }

    async fn rebuild(&self, _workers: u16) -> Result<()> {
        self.store.create_table().await?;
        subscriptions::fill_table(&self.store).await
    }

    async fn rows(&self) -> Result<Balances> {
        self.store.rows().await
    }

    async fn follow(&self, seen: Seen) -> Result<()> {
        subscriptions::follow(self.store.executor(), seen).await
    }
}
