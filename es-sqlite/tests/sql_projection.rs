//! Read models in tables of their own.

mod common;

use common::*;
use es_core::*;
use es_sqlite::{SqliteProjection, SqliteStore, Statements, Tables};
use sqlx::{Executor, Row, SqliteConnection};
use std::time::Duration;
use uuid::Uuid;

struct Deposited;

impl Event for Deposited {
    const TYPES: &'static [EventType] = &[];

    fn event_type(&self) -> &'static EventType {
        unreachable!("it is never encoded here")
    }

    fn encode(&self) -> Result<Vec<u8>, EncodeProblem> {
        unreachable!("it is never encoded here")
    }

    fn decode(_name: &str, _version: u32, _payload: &[u8]) -> Result<Self, DecodeProblem> {
        Ok(Self)
    }
}

struct Deposits;

impl SqliteProjection for Deposits {
    const NAME: &'static str = "deposits";
    const TABLES: &'static [&'static str] = &["deposits", "depositors"];
    type Event = Deposited;

    fn create(tables: &Tables) -> Vec<String> {
        let deposits = tables.name("deposits");
        vec![
            format!("CREATE TABLE {deposits} (stream TEXT, number INTEGER, note BLOB)"),
            format!("CREATE INDEX {deposits}_stream ON {deposits} (stream)"),
            format!("CREATE TABLE {} (stream TEXT)", tables.name("depositors")),
        ]
    }

    fn project(
        event: &Recorded<Deposited>,
        tables: &Tables,
        statements: &mut Statements,
    ) -> Result<(), KeyError> {
        statements
            .push(format!("INSERT INTO {} VALUES (?1, ?2, ?3)", tables.name("deposits")))
            .bind(event.stream.as_str())
            .bind(event.version.value() as i64)
            .bind(None::<&str>);
        Ok(())
    }
}

struct Thief;

impl SqliteProjection for Thief {
    const NAME: &'static str = "thief";
    const TABLES: &'static [&'static str] = &["events"];
    type Event = Deposited;

    fn create(_tables: &Tables) -> Vec<String> {
        vec!["DROP TABLE events".into()]
    }

    fn project(_: &Recorded<Deposited>, _: &Tables, _: &mut Statements) -> Result<(), KeyError> {
        Ok(())
    }
}

async fn acquire(store: &SqliteStore, of: GenerationState) -> Grant {
    let projection = ProjectionId::new(Deposits::NAME, Deposits::VERSION).unwrap();
    let lease = Lease { of, owner: Uuid::now_v7(), duration: Duration::from_secs(3_600) };
    store.acquire(&projection, lease).await.unwrap().unwrap()
}

/// Projects what is behind the grant's cursor.
async fn catch_up(store: &SqliteStore, grant: &mut Grant) -> Result<(), CommitError> {
    let tables = store.create_tables::<Deposits>(grant).await?;
    let page = store.read_all(grant.position(), &Filter::default(), 100).await?;
    let mut statements = Statements::default();
    for event in page.events {
        Deposits::project(&event.decode().unwrap(), &tables, &mut statements).unwrap();
    }
    let to = page.cursor.or(grant.cursor);
    store.commit_sql(Commit { grant: grant.clone(), to, writes: vec![] }, statements).await?;
    grant.cursor = to;
    Ok(())
}

async fn rows(connection: &mut SqliteConnection, table: &'static str) -> i64 {
    connection.fetch_one(table).await.unwrap().get(0)
}

const LIVE: &str = "SELECT count(*) FROM deposits";
const TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name GLOB 'deposit*'";

#[tokio::test]
async fn tables_are_filled_once_rebuilt_beside_and_swapped() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut outside = stranger(&path).await;
    store.append(append("a", Expected::Any, 3)).await.unwrap();
    let mut live = acquire(&store, GenerationState::Live).await;
    catch_up(&store, &mut live).await.unwrap();
    catch_up(&store, &mut live).await.unwrap();
    assert_eq!(rows(&mut outside, LIVE).await, 3);
    outside.execute("CREATE VIEW of_the_application AS SELECT stream FROM deposits").await.unwrap();

    store.append(append("a", Expected::Any, 2)).await.unwrap();
    let mut building = acquire(&store, GenerationState::Building).await;
    catch_up(&store, &mut building).await.unwrap();
    assert_eq!((rows(&mut outside, LIVE).await, rows(&mut outside, TABLES).await), (3, 4));
    store.swap_tables::<Deposits>(&building).await.unwrap();
    assert_eq!((rows(&mut outside, LIVE).await, rows(&mut outside, TABLES).await), (5, 2));
    assert!(matches!(catch_up(&store, &mut live).await, Err(CommitError::Fenced { .. })));

    let mut building = acquire(&store, GenerationState::Building).await;
    catch_up(&store, &mut building).await.unwrap();
    store.discard_tables::<Deposits>(&building).await.unwrap();
    assert_eq!(rows(&mut outside, TABLES).await, 2);
    let mut live = acquire(&store, GenerationState::Live).await;
    catch_up(&store, &mut live).await.unwrap();
    assert_eq!(rows(&mut outside, LIVE).await, 5);
}

#[tokio::test]
async fn a_statement_that_fails_takes_the_batch_with_it() {
    let store = SqliteStore::in_memory().await.unwrap();
    store.append(append("a", Expected::Any, 3)).await.unwrap();
    let mut live = acquire(&store, GenerationState::Live).await;
    store.create_tables::<Deposits>(&live).await.unwrap();
    let mut statements = Statements::default();
    statements.push("INSERT INTO deposits (number) VALUES (?1)").bind(7);
    statements.push("INSERT INTO nowhere VALUES (1)");
    let to = store.head().await.unwrap();
    let failed = store.commit_sql(Commit { grant: live.clone(), to, writes: vec![] }, statements).await;
    assert!(matches!(failed, Err(CommitError::Store(StoreError::Backend(_)))), "{failed:?}");
    catch_up(&store, &mut live).await.unwrap();
}

#[tokio::test]
async fn the_tables_of_the_store_are_not_for_projections() {
    let store = SqliteStore::in_memory().await.unwrap();
    let live = acquire(&store, GenerationState::Live).await;
    let refused = store.create_tables::<Thief>(&live).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Unusable(_)))), "{refused:?}");
}
