//! [`Scene`]: a store in a database of its own, and what tests do to both.

use es_core::{
    Append, AppendError, Appended, EventId, EventStore, Expected, Filter, Metadata, NewEvent, Payload,
    Position, StoreError, StreamId,
};
use es_postgres::{PostgresOptions, PostgresStore};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::str::FromStr;
use test_server::{Server, Settings};
use tests::{Database, database, wait};
use uuid::Uuid;

/// A database with the schema of a store.
pub struct Scene {
    database: Database,
}

impl Scene {
    /// `None`, and it was said aloud, where there is no server.
    pub async fn new() -> Option<Self> {
        database::server()?;
        let key = options("postgres://localhost").migrations_sql().unwrap();
        let migrate = async |url: String| options(&url).migrate().await.unwrap();
        Some(Self { database: Database::with_template(&key, migrate).await })
    }

    /// The same without the schema.
    pub async fn empty() -> Option<Self> {
        database::server()?;
        Some(Self { database: Database::create().await })
    }

    pub fn url(&self) -> &str {
        self.database.url()
    }

    pub fn name(&self) -> &str {
        self.database.name()
    }

    pub fn options(&self) -> PostgresOptions {
        options(self.url())
    }

    pub async fn store(&self) -> PostgresStore {
        self.options().open().await.unwrap()
    }

    pub async fn connect(&self) -> PgConnection {
        connect(self.url()).await
    }
}

/// A server of the test's own, or `None`, where there is none for other tests either.
pub fn private_server(settings: Settings) -> Option<Server> {
    database::server()?;
    Some(Server::start(settings).unwrap_or_else(|error| panic!("{error:#}")))
}

pub fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap()
}

/// The same server with another database.
pub fn url_of(url: &str, database: &str) -> String {
    let (base, _) = url.rsplit_once('/').unwrap();
    format!("{base}/{database}")
}

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// A connection that names itself.
pub async fn connect_as(url: &str, application: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).unwrap().application_name(application);
    options.connect().await.unwrap()
}

/// Runs statements; their texts are ours.
pub async fn run(connection: &mut PgConnection, sql: &str) {
    try_run(connection, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub async fn try_run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.map(drop)
}

/// The SQLSTATE of statements that are refused.
pub async fn refused(connection: &mut PgConnection, sql: &str) -> String {
    let refusal = try_run(connection, sql).await.expect_err(sql);
    let refusal = refusal.into_database_error().unwrap_or_else(|| panic!("{sql}: not refused by the server"));
    refusal.code().unwrap().into_owned()
}

pub async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    let found = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(connection).await;
    found.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

pub async fn pid(connection: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await.unwrap()
}

/// Returns once the process waits for a lock.
pub async fn waits_for_a_lock(watch: &mut PgConnection, pid: i32) {
    let sql = format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted");
    reaches(watch, "the process waits for a lock", &sql, 1).await;
}

/// Returns once a query gives this number.
pub async fn reaches(watch: &mut PgConnection, what: &str, sql: &str, wanted: i64) {
    let look = async {
        let mut looks = wait::looks();
        while number(watch, sql).await != wanted {
            looks.tick().await;
        }
    };
    wait::within(what, look).await;
}

pub fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub fn event(json: impl Into<Vec<u8>>) -> NewEvent {
    NewEvent {
        event_id: EventId::new(Uuid::now_v7()),
        name: "account.changed".into(),
        schema_version: 1,
        payload: Payload::new(json.into()),
        metadata: Metadata::new(),
    }
}

/// An append of `count` events to a stream that may be anywhere.
pub fn append(key: &str, count: usize) -> Append {
    let events = (1..=count).map(|number| event(format!("{{\"number\":{number}}}"))).collect();
    Append::new(stream(key), Expected::Any, events)
}

pub async fn appended(store: &PostgresStore, key: &str, count: usize) -> Appended {
    store.append(append(key, count)).await.unwrap()
}

/// The positions of the whole log as a reader of the store is given them, from the start.
pub async fn log(store: &impl EventStore) -> Vec<u64> {
    let (mut positions, mut after) = (Vec::new(), Position::START);
    loop {
        let page = store.read_all(after, &Filter::default(), 1_000).await.unwrap();
        positions.extend(page.events.iter().map(|event| event.position.value()));
        match page.cursor {
            Some(cursor) if page.more => after = cursor.position,
            _ => return positions,
        }
    }
}

/// The number of events in the store.
pub async fn count(connection: &mut PgConnection) -> i64 {
    number(connection, "SELECT count(*) FROM es.events").await
}

pub fn unusable<T>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(StoreError::Unusable(reason)) => reason,
        Err(other) => panic!("expected a refusal with a reason, found {other:?}"),
        Ok(_) => panic!("expected a refusal with a reason"),
    }
}

#[track_caller]
pub fn assert_unavailable<T: std::fmt::Debug>(outcome: &Result<T, AppendError>) {
    let expected = matches!(outcome, Err(AppendError::Store(StoreError::Unavailable { .. })));
    assert!(expected, "expected a store that is not available, found {outcome:?}");
}

/// A transaction of a user's own that appends.
pub struct Transaction {
    pub connection: PgConnection,
    store: PostgresStore,
}

impl Transaction {
    pub async fn begin(url: &str, store: &PostgresStore) -> Self {
        let mut connection = connect_as(url, "a user's own").await;
        run(&mut connection, "BEGIN").await;
        Self { connection, store: store.clone() }
    }

    /// Appends one event; gives its position.
    pub async fn append(&mut self, key: &str) -> u64 {
        self.try_append(vec![append(key, 1)]).await.unwrap()[0].position.value()
    }

    pub async fn try_append(&mut self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.store.append_in(&mut self.connection, appends).await
    }

    pub async fn run(&mut self, sql: &str) {
        run(&mut self.connection, sql).await;
    }

    pub async fn commit(mut self) {
        self.run("COMMIT").await;
        self.store.committed();
    }

    pub async fn roll_back(mut self) {
        self.run("ROLLBACK").await;
    }
}
