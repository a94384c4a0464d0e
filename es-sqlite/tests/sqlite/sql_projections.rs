//! Read models in tables of their own.

use super::common::*;
use es_core::StoreError;
use es_core::{
    AnyProjector, App, Comparison, Event, EventStore, Expected, KeyError, ProjectorError, Recorded,
};
use es_sqlite::{SqliteProjection, SqliteStore, Statements, Tables, projector};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Deposited { amount: i64 },
}

struct Balances;

impl SqliteProjection for Balances {
    const NAME: &'static str = "balances";
    const TABLES: &'static [&'static str] = &["balances"];
    type Event = AccountEvent;

    fn create(tables: &Tables) -> Vec<String> {
        vec![format!(
            "CREATE TABLE {} (owner TEXT PRIMARY KEY, amount INTEGER NOT NULL)",
            tables.name("balances")
        )]
    }

    fn project(
        event: &Recorded<AccountEvent>,
        tables: &Tables,
        statements: &mut Statements,
    ) -> Result<(), KeyError> {
        let AccountEvent::Deposited { amount } = event.data;
        let table = tables.name("balances");
        let sql = format!(
            "INSERT INTO {table} VALUES (?1, ?2) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
        );
        statements.push(sql).bind(event.stream.key()).bind(amount);
        Ok(())
    }
}

/// The same tables under another version.
struct BalancesAnew;

impl SqliteProjection for BalancesAnew {
    const NAME: &'static str = Balances::NAME;
    const VERSION: u32 = 2;
    const TABLES: &'static [&'static str] = Balances::TABLES;
    type Event = AccountEvent;

    fn create(tables: &Tables) -> Vec<String> {
        Balances::create(tables)
    }

    fn project(
        event: &Recorded<AccountEvent>,
        tables: &Tables,
        out: &mut Statements,
    ) -> Result<(), KeyError> {
        Balances::project(event, tables, out)
    }
}

struct Thief;

impl SqliteProjection for Thief {
    const NAME: &'static str = "thief";
    const TABLES: &'static [&'static str] = &["events"];
    type Event = AccountEvent;

    fn create(_: &Tables) -> Vec<String> {
        vec!["DROP TABLE events".into()]
    }

    fn project(_: &Recorded<AccountEvent>, _: &Tables, _: &mut Statements) -> Result<(), KeyError> {
        Ok(())
    }
}

async fn balances(connection: &mut SqliteConnection) -> Vec<(String, i64)> {
    sqlx::query_as("SELECT owner, amount FROM balances ORDER BY owner").fetch_all(connection).await.unwrap()
}

async fn deposit(store: &SqliteStore, owner: &str, times: usize) {
    store.append(append(owner, Expected::Any, times)).await.unwrap();
}

async fn compare(projector: &AnyProjector) -> Comparison {
    projector.check(|_| ()).await.unwrap()
}

#[tokio::test]
async fn a_table_has_each_event_once_live_and_rebuilt() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut reader = stranger(&path).await;
    let app = App::new(store.clone()).projector(projector::<Balances>(&store).unwrap());
    app.catch_up().await.unwrap();
    assert_eq!(balances(&mut reader).await, [], "the table is there before the first event");

    deposit(&store, "ada", 4).await;
    app.catch_up().await.unwrap();
    sqlx::query("CREATE VIEW of_the_application AS SELECT owner FROM balances")
        .execute(&mut reader)
        .await
        .unwrap();
    deposit(&store, "bob", 2).await;
    app.catch_up().await.unwrap();
    app.catch_up().await.unwrap();
    let expected = [("ada".to_owned(), 6), ("bob".to_owned(), 1)];
    assert_eq!(balances(&mut reader).await, expected);

    app.projectors()[0].rebuild(|_| ()).await.unwrap();
    assert_eq!(balances(&mut reader).await, expected);
    deposit(&store, "bob", 3).await;
    app.catch_up().await.unwrap();
    assert_eq!(balances(&mut reader).await[1], ("bob".to_owned(), 4), "the table goes on after the swap");
}

#[tokio::test]
async fn a_table_that_was_changed_by_hand_is_found_and_put_right() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut stranger = stranger(&path).await;
    let projector = projector::<Balances>(&store).unwrap().with_batch_events_max(1);
    deposit(&store, "ada", 3).await;
    projector.catch_up().await.unwrap();
    assert!(matches!(compare(&projector).await, Comparison::Identical { compared: 1, .. }));

    sqlx::query("UPDATE balances SET amount = 100").execute(&mut stranger).await.unwrap();
    let Comparison::Different(difference) = compare(&projector).await else { panic!("it was changed") };
    assert_eq!(difference.key, "balances");
    assert_eq!(difference.live.as_deref(), Some("1 rows, 1 of them only here"));
    projector.rebuild(|_| ()).await.unwrap();
    assert!(matches!(compare(&projector).await, Comparison::Identical { .. }));
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'balances%'")
        .fetch_one(&mut stranger)
        .await
        .unwrap();
    assert_eq!(tables, 1, "no table of a build is left over");
}

#[tokio::test]
async fn a_statement_that_fails_moves_nothing() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut stranger = stranger(&path).await;
    let projector = projector::<Balances>(&store).unwrap();
    projector.catch_up().await.unwrap();
    deposit(&store, "ada", 3).await;
    sqlx::query("ALTER TABLE balances RENAME TO lost").execute(&mut stranger).await.unwrap();
    sqlx::query("CREATE TABLE balances (owner TEXT PRIMARY KEY, amount INTEGER CHECK (amount < 2))")
        .execute(&mut stranger)
        .await
        .unwrap();

    let failed = projector.catch_up().await.unwrap_err();
    assert!(matches!(failed, ProjectorError::Store { .. }), "{failed:?}");
    assert_eq!(
        balances(&mut stranger).await,
        [],
        "the deposits before the one that failed are rolled back too"
    );
}

#[tokio::test]
async fn the_tables_of_the_store_are_not_for_projections() {
    let store = SqliteStore::in_memory().await.unwrap();
    let refused = projector::<Thief>(&store).unwrap().catch_up().await;
    let Err(ProjectorError::Store { source: StoreError::Unusable(reason), .. }) = refused else {
        panic!("expected a refusal, found {refused:?}");
    };
    assert!(reason.contains("`events`"), "{reason}");
}

#[tokio::test]
async fn a_table_of_another_version_or_of_the_application_is_neither_filled_nor_dropped() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut stranger = stranger(&path).await;
    deposit(&store, "ada", 3).await;
    projector::<Balances>(&store).unwrap().catch_up().await.unwrap();
    let before = balances(&mut stranger).await;

    let anew = projector::<BalancesAnew>(&store).unwrap();
    for refused in [anew.catch_up().await.map(drop), anew.rebuild(|_| ()).await.map(drop)] {
        let Err(ProjectorError::Store { source: StoreError::Unusable(reason), .. }) = refused else {
            panic!("expected a refusal, found {refused:?}");
        };
        assert!(reason.contains("`balances` exists already"), "{reason}");
    }
    assert_eq!(balances(&mut stranger).await, before);
}

#[tokio::test]
async fn a_rebuild_without_a_live_generation_does_not_replace_a_table_of_the_application() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut stranger = stranger(&path).await;
    let table = "CREATE TABLE balances (owner TEXT, amount INTEGER)";
    sqlx::query(table).execute(&mut stranger).await.unwrap();
    sqlx::query("INSERT INTO balances VALUES ('x', 1)").execute(&mut stranger).await.unwrap();

    let refused = projector::<Balances>(&store).unwrap().rebuild(|_| ()).await;
    let Err(ProjectorError::Store { source: StoreError::Unusable(reason), .. }) = refused else {
        panic!("expected a refusal, found {refused:?}");
    };
    assert!(reason.contains("`balances` exists already"), "{reason}");
    assert_eq!(balances(&mut stranger).await, [("x".to_owned(), 1)]);
}
