//! The databases that evento keeps its events in.

use anyhow::Result;
use contender::{Balance, Balances, Place};
use evento::migrator::{Migrate, Plan};
use evento::{Executor, Rw, sql_migrator};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::future::Future;

const CONNECTIONS_MAX: u32 = 16;

const CREATE: &str =
    "CREATE TABLE balances (account BIGINT PRIMARY KEY, cents BIGINT NOT NULL, version BIGINT NOT NULL)";
const UPSERT: &str = "INSERT INTO balances AS b (account, cents, version) VALUES ($1, $2, $3) \
    ON CONFLICT (account) DO UPDATE SET cents = b.cents + $2, version = $3 WHERE b.version < $3";
const ROWS: &str = "SELECT account, cents, version FROM balances";
const COUNT: &str = "SELECT count(*) FROM event";

/// A database with events and the table of balances.
pub trait Store: Clone + Send + Sync + Sized + 'static {
    /// Its executor.
    type Executor: Executor + Clone;

    fn set_up(place: &Place) -> impl Future<Output = Result<()>> + Send;
    fn open(place: &Place) -> impl Future<Output = Result<Self>> + Send;
    fn executor(&self) -> &Self::Executor;
    fn count(&self) -> impl Future<Output = Result<u64>> + Send;
    fn create_table(&self) -> impl Future<Output = Result<()>> + Send;
    /// Takes an event into the table; the second time it comes it changes nothing.
    fn change(&self, account: i64, cents: i64, version: i64) -> impl Future<Output = Result<()>> + Send;
    fn rows(&self) -> impl Future<Output = Result<Balances>> + Send;
}

/// PostgreSQL.
#[derive(Clone)]
pub struct Postgres {
    executor: evento::Postgres,
    pool: PgPool,
}

/// A SQLite file: the first pool reads, the second one writes.
#[derive(Clone)]
pub struct Sqlite {
    executor: Rw<evento::Sqlite, evento::Sqlite>,
    pool: SqlitePool,
}

impl Postgres {
    async fn connect(place: &Place) -> Result<Self> {
        let options = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).test_before_acquire(false);
        let pool = options.connect(&place.url).await?;
        Ok(Self { executor: pool.clone().into(), pool })
    }
}

impl Sqlite {
    async fn connect(place: &Place) -> Result<Self> {
        let file = SqliteConnectOptions::new()
            .filename(place.folder.join("events.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let options = || SqlitePoolOptions::new().test_before_acquire(false);
        let pool = options().max_connections(1).connect_with(file.clone()).await?;
        let readers = options().max_connections(CONNECTIONS_MAX).connect_with(file).await?;
        let executor = Rw::from((readers.into(), pool.clone().into()));
        Ok(Self { executor, pool })
    }
}

macro_rules! store {
    ($store:ident, $executor:ty, $database:ty) => {
        impl Store for $store {
            type Executor = $executor;

            async fn set_up(place: &Place) -> Result<()> {
                let mut connection = Self::connect(place).await?.pool.acquire().await?;
                sql_migrator::new::<$database>()?.run(&mut *connection, &Plan::apply_all()).await?;
                Ok(())
            }

            async fn open(place: &Place) -> Result<Self> {
                Self::connect(place).await
            }

            fn executor(&self) -> &$executor {
                &self.executor
            }

            async fn count(&self) -> Result<u64> {
                let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&self.pool).await?;
                Ok(count as u64)
            }

            async fn create_table(&self) -> Result<()> {
                sqlx::query(CREATE).execute(&self.pool).await?;
                Ok(())
            }

            async fn change(&self, account: i64, cents: i64, version: i64) -> Result<()> {
                sqlx::query(UPSERT).bind(account).bind(cents).bind(version).execute(&self.pool).await?;
                Ok(())
            }

            async fn rows(&self) -> Result<Balances> {
                let rows: Vec<(i64, i64, i64)> = sqlx::query_as(ROWS).fetch_all(&self.pool).await?;
                let row =
                    |(account, cents, version)| (account as u64, Balance { cents, version: version as u64 });
                Ok(rows.into_iter().map(row).collect())
            }
        }
    };
}

store!(Postgres, evento::Postgres, sqlx::Postgres);
store!(Sqlite, Rw<evento::Sqlite, evento::Sqlite>, sqlx::Sqlite);
