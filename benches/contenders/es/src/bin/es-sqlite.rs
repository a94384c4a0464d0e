//! This framework on SQLite.

use anyhow::Result;
use contender::{Balance, Balances, Contender, Entry, Mode, Place, Seen};
use contender_es::{Es, Writer};
use es_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};
use std::path::PathBuf;
use std::process::ExitCode;

struct Sqlite {
    es: Es<SqliteStore>,
    url: String,
}

impl Contender for Sqlite {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        SqliteStore::open(file(place)).await?.close().await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let store = SqliteStore::open(file(place)).await?;
        let url = format!("sqlite:{}", file(place).display());
        Ok(Self { es: Es::new(store, mode), url })
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
        let mut connection = SqliteConnection::connect(&self.url).await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut connection).await?;
        Es::<SqliteStore>::counted(count)
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

/// The database.
fn file(place: &Place) -> PathBuf {
    place.folder.join("es.db")
}

fn main() -> ExitCode {
    contender::main::<Sqlite>()
}
