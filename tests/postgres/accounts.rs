//! What the tests of read models append and look at.

use es_core::{
    AnyProjector, Append, AppendError, Appended, Event, EventId, EventStore, Expected, Fate, Generation,
    Metadata, NewEvent, Position, Projection, ProjectorError, StreamId,
};
use es_postgres::{PostgresOptions, PostgresStore};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::Database;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub enum AccountEvent {
    Opened { owner: String },
    Deposited { amount: i64 },
    Closed,
}

pub use AccountEvent::*;

/// A database of its own with an up-to-date schema; none where there is no server, which is said aloud.
pub async fn database() -> Option<Database> {
    tests::database::server()?;
    let key = PostgresOptions::new("postgres://").unwrap().migrations_sql().unwrap();
    let migrate = |url: String| async move { PostgresOptions::new(&url).unwrap().migrate().await.unwrap() };
    Some(Database::with_template(&key, migrate).await)
}

pub fn options(database: &Database) -> PostgresOptions {
    PostgresOptions::new(database.url()).unwrap()
}

pub async fn open(database: &Database) -> PostgresStore {
    options(database).open().await.unwrap()
}

/// A connection as any other program may have one.
pub async fn stranger(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

pub async fn run(connection: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}

pub async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await.unwrap()
}

pub fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub fn append(key: &str, events: impl IntoIterator<Item = AccountEvent>) -> Append {
    let encode = |event: AccountEvent| {
        NewEvent::encode(&event, EventId::new(Uuid::now_v7()), Metadata::new()).unwrap()
    };
    Append::new(stream(key), Expected::Any, events.into_iter().map(encode).collect())
}

pub async fn try_record(
    store: &PostgresStore,
    key: &str,
    events: impl IntoIterator<Item = AccountEvent>,
) -> Result<Appended, AppendError> {
    store.append(append(key, events)).await
}

pub async fn record(
    store: &PostgresStore,
    key: &str,
    events: impl IntoIterator<Item = AccountEvent>,
) -> Appended {
    try_record(store, key, events).await.unwrap()
}

/// Deposits of 1, 2, … `count`.
pub async fn deposits(store: &PostgresStore, key: &str, count: i64) -> Appended {
    record(store, key, (1..=count).map(|amount| Deposited { amount })).await
}

/// Tries until `sql` gives a number that is not 0.
pub async fn until(connection: &mut PgConnection, sql: &str) {
    let until = async {
        while number(connection, sql).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), until).await.unwrap();
}

pub async fn generation(projector: &AnyProjector) -> Generation {
    let generations = projector.store().generations().await.unwrap();
    generations.into_iter().find(|found| found.projection == *projector.projection()).unwrap()
}

/// Runs the projector, replaces it while its next batch waits for the checkpoint, and lets it go on when the other
/// owner is gone. What it did as a former owner would be done twice.
pub async fn replaced_during_a_batch(database: &Database, store: &PostgresStore, projector: AnyProjector) {
    let mut other = stranger(database).await;
    projector.catch_up().await.unwrap();
    // Nothing is renewed meanwhile.
    let projector = projector.with_lease(Duration::from_secs(3_600));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (projector, shutdown) = (projector.clone(), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    until(&mut other, "SELECT count(*) FROM es.checkpoints WHERE owner IS NOT NULL AND epoch > 1").await;
    let before = deposits(store, "ada", 1).await;
    projector.wait_for(before.position, Duration::from_secs(60)).await.unwrap();

    run(
        &mut other,
        "BEGIN; UPDATE es.checkpoints SET epoch = epoch + 1, owner = gen_random_uuid(), lease_until = 'infinity'",
    )
    .await;
    let last = deposits(store, "ada", 3).await;
    let mut watcher = stranger(database).await;
    until(
        &mut watcher,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .await;
    run(&mut other, "COMMIT").await;
    let epoch = "SELECT max(epoch) FROM es.checkpoints";
    let replaced_by = number(&mut watcher, epoch).await;
    run(&mut other, "UPDATE es.checkpoints SET owner = NULL, lease_until = '-infinity'").await;
    projector.wait_for(last.position, Duration::from_secs(60)).await.unwrap();
    assert!(number(&mut watcher, epoch).await > replaced_by, "it had to take the lease again");
    shutdown.cancel();
    running.await.unwrap().unwrap();
}

/// The views that `P` has after this log, folded one event after the other.
pub async fn folded<P: Projection>(store: &PostgresStore) -> Vec<(String, P)> {
    let mut views = BTreeMap::<String, P>::new();
    let log = store.read_all(Position::START, &P::filter(), 10_000).await.unwrap();
    assert!(!log.more);
    for event in log.events {
        let event = event.decode().unwrap();
        for key in P::keys(&event).unwrap() {
            let key = key.to_string();
            if views.entry(key.clone()).or_default().project(&event) == Fate::Delete {
                views.remove(&key);
            }
        }
    }
    views.into_iter().collect()
}

/// The reason for which a store or a table could not be used.
pub fn unusable<T: std::fmt::Debug>(result: Result<T, ProjectorError>) -> String {
    match result {
        Err(ProjectorError::Store { source: es_core::StoreError::Unusable(reason), .. }) => reason,
        other => panic!("expected that it cannot be used, found {other:?}"),
    }
}
