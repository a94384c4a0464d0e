//! What listens to the log: the table of balances, and the follower.

use crate::{AccountEvent, Store};
use anyhow::Result;
use async_trait::async_trait;
use contender::{Balance, Balances, Kind, Seen};
use disintegrate::{EventListener, PersistedEvent, StreamQuery, query};
use disintegrate_postgres::{PgEventId, PgEventListener, PgEventListenerConfig};
use sqlx::PgPool;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

const POLL: Duration = Duration::from_secs(5);
const FOLLOWER: &str = "follower";

/// Keeps one row per account; an event that comes twice counts once.
struct Table {
    pool: PgPool,
    query: StreamQuery<PgEventId, AccountEvent>,
    last: PgEventId,
    done: Arc<Notify>,
}

#[async_trait]
impl EventListener<PgEventId, AccountEvent> for Table {
    type Error = sqlx::Error;

    fn id(&self) -> &'static str {
        "balances"
    }

    fn query(&self) -> &StreamQuery<PgEventId, AccountEvent> {
        &self.query
    }

    async fn handle(&self, event: PersistedEvent<PgEventId, AccountEvent>) -> Result<(), sqlx::Error> {
        let (account, kind, movement) = event.parts();
        let cents = match kind {
            Kind::Opened => 0,
            Kind::Deposited => movement.cents as i64,
            Kind::Withdrawn => -(movement.cents as i64),
        };
        let sql = "INSERT INTO balances AS b (account, cents, version, event_id) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (account) DO UPDATE SET cents = b.cents + $2, version = b.version + 1, event_id = $3 \
             WHERE b.event_id < $3";
        sqlx::query(sql).bind(account).bind(cents).bind(event.id()).execute(&self.pool).await?;
        if event.id() >= self.last {
            self.done.notify_one();
        }
        Ok(())
    }
}

pub(crate) async fn rebuild(pool: &PgPool, store: &Store) -> Result<()> {
    let sql = "CREATE TABLE balances \
         (account bigint PRIMARY KEY, cents bigint NOT NULL, version bigint NOT NULL, event_id bigint NOT NULL)";
    sqlx::query(sql).execute(pool).await?;
    let last = last(pool).await?;
    if last == 0 {
        return Ok(());
    }
    let done = Arc::new(Notify::new());
    let table = Table { pool: pool.clone(), query: query!(AccountEvent), last, done: Arc::clone(&done) };
    PgEventListener::builder(store.clone())
        .register_listener(table, PgEventListenerConfig::poller(POLL))
        .start_with_shutdown(async move { done.notified().await })
        .await?;
    Ok(())
}

async fn last(pool: &PgPool) -> Result<PgEventId> {
    Ok(sqlx::query_scalar("SELECT coalesce(max(event_id), 0) FROM event").fetch_one(pool).await?)
}

pub(crate) async fn rows(pool: &PgPool) -> Result<Balances> {
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT account, cents, version FROM balances").fetch_all(pool).await?;
    let row = |(account, cents, version)| (account as u64, Balance { cents, version: version as u64 });
    Ok(rows.into_iter().map(row).collect())
}

struct Follower {
    seen: Seen,
    query: StreamQuery<PgEventId, AccountEvent>,
}

#[async_trait]
impl EventListener<PgEventId, AccountEvent> for Follower {
    type Error = Infallible;

    fn id(&self) -> &'static str {
        FOLLOWER
    }

    fn query(&self) -> &StreamQuery<PgEventId, AccountEvent> {
        &self.query
    }

    async fn handle(&self, event: PersistedEvent<PgEventId, AccountEvent>) -> Result<(), Infallible> {
        self.seen.event(event.parts().2.cents);
        Ok(())
    }
}

/// Starts at the end: a listener begins where its row of progress says.
pub(crate) async fn follow(pool: &PgPool, store: &Store, seen: Seen) -> Result<()> {
    let sql = "INSERT INTO event_listener (id, last_processed_event_id) VALUES ($1, $2) \
         ON CONFLICT (id) DO UPDATE SET last_processed_event_id = $2";
    sqlx::query(sql).bind(FOLLOWER).bind(last(pool).await?).execute(pool).await?;
    let follower = Follower { seen: seen.clone(), query: query!(AccountEvent) };
    let listener = PgEventListener::builder(store.clone())
        .register_listener(follower, PgEventListenerConfig::poller(POLL).with_notifier());
    let listening = async {
        while !is_listening(pool).await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        seen.ready();
        pending::<Result<()>>().await
    };
    tokio::select! {
        ended = listener.start_with_shutdown(pending()) => Ok(ended?),
        failed = listening => failed,
    }
}

async fn is_listening(pool: &PgPool) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT FROM pg_stat_activity \
         WHERE datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN %')";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}
