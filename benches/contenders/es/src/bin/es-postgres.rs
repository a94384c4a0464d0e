//! This framework on PostgreSQL.

use anyhow::Result;
use contender::{Balance, Balances, Contender, Entry, Mode, Place, Seen};
use contender_es::{Es, Writer};
use es_postgres::{PostgresOptions, PostgresStore};
use sqlx::{Connection, PgConnection};
use std::process::ExitCode;

struct Postgres {
    es: Es<PostgresStore>,
    url: String,
}

impl Contender for Postgres {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        PostgresStore::open(&place.url).await?.close().await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let store = PostgresOptions::new(&place.url)?.open().await?;
        Ok(Self { es: Es::new(store, mode), url: place.url.clone() })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        self.es.deposit(account, cents).await
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        self.es.writer(account)
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        self.es.append(writer, entries).await
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        self.es.balance(account).await
    }

    async fn count(&self) -> Result<u64> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM es.events").fetch_one(&mut connection).await?;
        Es::<PostgresStore>::counted(count)
    }

    async fn replay(&self) -> Result<Balances> {
        self.es.replay().await
    }

    async fn rebuild(&self, workers: u16) -> Result<()> {
        self.es.rebuild(workers).await
    }

    async fn rows(&self) -> Result<Balances> {
        self.es.rows().await
    }

    async fn follow(&self, seen: Seen) -> Result<()> {
        self.es.follow(seen).await
    }

    async fn settle(&self) -> Result<()> {
        self.es.settle().await;
        Ok(())
    }
}

fn main() -> ExitCode {
    contender::main::<Postgres>()
}
