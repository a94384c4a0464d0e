//! What the tests stand on: databases, servers, plain connections, and waiting for a condition.

use es_core::{EventStore, Filter, PAGE_EVENTS_MAX, Position, StoreError, StreamId};
use es_postgres::{PostgresOptions, PostgresStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::collections::HashMap;
use std::time::Duration;
use test_server::{Server, Settings};
use tests::tally::Tally;
use tests::{Database, database, shout};
use tokio::time::{Instant, interval};

/// How often a condition is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// How long one may take before the test is given up. No test is about time.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// An empty database; nothing, said aloud, where there is no server.
pub async fn database() -> Option<Database> {
    database::server()?;
    Some(Database::create().await)
}

/// A server of the test's own; nothing, said aloud, where tests on PostgreSQL are skipped.
pub fn private_server(settings: Settings) -> Option<Server> {
    database::server()?;
    match Server::start(settings) {
        Ok(server) => Some(server),
        Err(error) if std::env::var_os("CI").is_none() => {
            shout(&format!("!!! SKIPPED: a test that needs a server of its own: {error:#}"));
            None
        }
        Err(error) => panic!("{error:#}"),
    }
}

/// Options for a store at this URL.
pub fn options(url: &str) -> PostgresOptions {
    PostgresOptions::new(url).unwrap()
}

/// A store at this URL, opened again while the server cannot be reached.
pub async fn open(options: &PostgresOptions) -> PostgresStore {
    let mut look = interval(LOOK_INTERVAL);
    let begun = Instant::now();
    loop {
        look.tick().await;
        match options.clone().open().await {
            Err(StoreError::Unavailable { .. }) if begun.elapsed() < WAIT_MAX => {}
            opened => return opened.unwrap(),
        }
    }
}

/// Waits until `reached`, and gives up with `what` in the message.
pub async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    let mut look = interval(LOOK_INTERVAL);
    while !reached().await {
        assert!(begun.elapsed() < WAIT_MAX, "waited in vain until {what}");
        look.tick().await;
    }
}

/// The answer of a call that has to come, however late.
pub async fn answer<T>(what: &str, call: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(WAIT_MAX, call).await;
    answer.unwrap_or_else(|_| panic!("{what} never came to an end"))
}

/// What an attempt gives as soon as it succeeds: a server needs a moment to see that a connection has ended.
pub async fn in_the_end<T, E>(what: &str, attempt: impl AsyncFn() -> Result<T, E>) -> T {
    let succeeds = async {
        loop {
            if let Ok(done) = attempt().await {
                return done;
            }
        }
    };
    answer(what, succeeds).await
}

/// A plain connection, beside the store.
pub struct Plain(pub PgConnection);

impl Plain {
    pub async fn connect(url: &str) -> Self {
        Self(PgConnection::connect(url).await.unwrap())
    }

    pub async fn run(&mut self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.0).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The one number that a query gives.
    pub async fn number(&mut self, sql: &str) -> i64 {
        let number = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.0).await;
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The numbers that a query gives.
    pub async fn numbers(&mut self, sql: &str) -> Vec<i64> {
        let numbers = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.0).await;
        numbers.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// How many others are connected to this database, of whom `condition` is true.
    pub async fn others(&mut self, condition: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM pg_stat_activity WHERE {OTHERS} AND {condition}")).await
    }

    /// The processes that serve the others.
    pub async fn pids(&mut self, condition: &str) -> Vec<i64> {
        self.numbers(&format!("SELECT pid::bigint FROM pg_stat_activity WHERE {OTHERS} AND {condition}"))
            .await
    }

    /// Ends the connections of the others, and says how many.
    pub async fn terminate(&mut self, condition: &str) -> i64 {
        let ended = "count(*) FILTER (WHERE pg_terminate_backend(pid))";
        self.number(&format!("SELECT {ended} FROM pg_stat_activity WHERE {OTHERS} AND {condition}")).await
    }
}

const OTHERS: &str =
    "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub position: Position,
    pub stream: StreamId,
    pub number: u64,
    pub event_id: es_core::EventId,
}

/// The whole log, in order and without a gap in any stream.
pub async fn log(store: &PostgresStore) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut versions: HashMap<StreamId, u64> = HashMap::new();
    let mut after = Position::START;
    loop {
        let page = store.read_all(after, &Filter::default(), PAGE_EVENTS_MAX).await.unwrap();
        let Some(cursor) = page.cursor else { return rows };
        after = cursor.position;
        for event in page.events {
            let event = event.decode::<Tally>().unwrap();
            let version = versions.entry(event.stream.clone()).or_default();
            *version += 1;
            assert_eq!(event.version.value(), *version, "{}", event.stream);
            assert!(rows.last().is_none_or(|last| last.position < event.position));
            let Tally::Wrote { number } = event.data;
            let (position, stream, event_id) = (event.position, event.stream, event.event_id);
            rows.push(Row { position, stream, number, event_id });
        }
    }
}

/// Where each number of each stream is; no number may be there twice.
pub fn places(log: &[Row]) -> HashMap<(StreamId, u64), Position> {
    let mut places = HashMap::new();
    for row in log {
        let before = places.insert((row.stream.clone(), row.number), row.position);
        assert_eq!(before, None, "{row:?} is there twice");
    }
    places
}
