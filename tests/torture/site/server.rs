//! [`DatabaseServer`]: a private server with a proxy before it, and what it can be made to suffer.

use crate::place::pool;
use crate::plan::Fault;
use ::tests::proxy::{Mode, Proxy};
use anyhow::{Context, Result};
use sqlx::{PgPool, Row};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use test_server::{Server, Settings};

/// The database of the store; the server's own ones are left alone.
const DATABASE: &str = "torture";

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = $1 AND backend_type = 'client backend' AND pid % 3 = $2";

/// Draws numbers in a transaction that is rolled back.
const BURN: &str = "SELECT max(nextval('es.position_seq')) FROM generate_series(1, $1)";

const LAST_ALLOCATED: &str = "SELECT es.last_allocated()";

/// A private server with a proxy before it.
pub struct DatabaseServer {
    server: Arc<Server>,
    proxy: Proxy,
    admin: PgPool,
    database: PgPool,
}

impl DatabaseServer {
    /// Starts the server, which forces to the disk what it commits.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> Result<Self> {
        // What nobody waits for is written late, as on a server whose disk is busy: so that it is lost in a crash.
        let settings = Settings::new().durable().with("wal_writer_delay", "10s");
        let server = tokio::task::spawn_blocking(|| Server::start(settings)).await??;
        let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port()))).await?;
        let admin = pool(&server.url("postgres"))?;
        sqlx::query("CREATE DATABASE torture").execute(&admin).await?;
        let database = pool(&server.url(DATABASE))?;
        Ok(Self { server: Arc::new(server), proxy, admin, database })
    }

    /// Where the database is.
    pub fn url(&self) -> String {
        self.server.url(DATABASE)
    }

    /// Where it is through the proxy.
    pub fn url_by_proxy(&self) -> String {
        let (password, port) = (self.server.password(), self.proxy.port());
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{DATABASE}")
    }

    /// Brings about a fault.
    ///
    /// # Errors
    /// When it cannot be brought about.
    pub async fn suffer(&self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Terminate { rest } => {
                let query = sqlx::query(TERMINATE).bind(DATABASE).bind(i32::try_from(rest)?);
                query.execute(&self.admin).await?;
            }
            Fault::Cut { direction, bytes } => self.proxy.cut_after(direction, bytes),
            Fault::Swallow => self.proxy.set(Mode::Swallow),
            Fault::Delay(delay) => self.proxy.set(Mode::Delay(delay)),
            Fault::Pass => self.proxy.set(Mode::Pass),
            Fault::Restart => self.restart().await?,
            Fault::Kill(_) | Fault::Stop(_) | Fault::Continue(_) => {
                anyhow::bail!("{fault:?} is for a worker")
            }
        }
        Ok(())
    }

    /// Ends all faults.
    pub fn calm(&self) {
        self.proxy.calm();
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> u64 {
        self.proxy.cuts()
    }

    /// Stops the server as a crash does, and starts it again.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart(&self) -> Result<()> {
        let server = self.server.clone();
        let restarted = tokio::task::spawn_blocking(move || {
            server.stop_immediately()?;
            server.start_again()
        });
        restarted.await??;
        Ok(())
    }

    /// Draws positions in a transaction that is rolled back; gives the last.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn burn(&self, numbers: i64) -> Result<u64> {
        let mut transaction = self.database.begin().await?;
        let row = sqlx::query(BURN).bind(numbers).fetch_one(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(row.try_get::<i64, _>(0)?.cast_unsigned())
    }

    /// The position that was drawn last, as the server knows it.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn last_allocated(&self) -> Result<u64> {
        let row = sqlx::query(LAST_ALLOCATED).fetch_one(&self.database).await;
        // The first connection may be one that the restart has ended.
        let row = match row {
            Ok(row) => row,
            Err(_) => {
                sqlx::query(LAST_ALLOCATED).fetch_one(&self.database).await.context("after a restart")?
            }
        };
        Ok(row.try_get::<i64, _>(0)?.cast_unsigned())
    }
}
