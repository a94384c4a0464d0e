//! Read models in tables of their own, by their own SQL.

use super::accounts::*;
use es_core::{App, Comparison, ProjectorError, Recorded, StoreError};
use es_postgres::{PgProjection, Tables, projector};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What every account has. `VERSION` is another version with the same tables.
struct Balances<const VERSION: u32>;

impl<const VERSION: u32> PgProjection for Balances<VERSION> {
    const NAME: &'static str = "balances";
    const VERSION: u32 = VERSION;
    const TABLES: &'static [&'static str] = &["balances"];
    type Event = AccountEvent;

    fn create(tables: &Tables) -> Vec<String> {
        let table = tables.name("balances");
        vec![
            format!("CREATE TABLE {table} (owner text PRIMARY KEY, amount bigint NOT NULL)"),
            format!("CREATE INDEX {table}_by_amount ON {table} (amount)"),
        ]
    }

    async fn apply(
        events: &[Recorded<AccountEvent>],
        tables: &Tables,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let table = tables.name("balances");
        for event in events {
            let Deposited { amount } = event.data else { continue };
            let sql = format!(
                "INSERT INTO {table} AS b VALUES ($1, $2)
                ON CONFLICT (owner) DO UPDATE SET amount = b.amount + excluded.amount"
            );
            // A transaction of its own is a savepoint.
            let mut savepoint = connection.begin().await?;
            sqlx::query(AssertSqlSafe(sql))
                .bind(event.stream.key())
                .bind(amount)
                .execute(&mut *savepoint)
                .await?;
            savepoint.commit().await?;
        }
        Ok(())
    }
}

async fn balances(connection: &mut PgConnection) -> Vec<(String, i64)> {
    sqlx::query_as("SELECT owner, amount FROM balances ORDER BY owner").fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn a_table_on_postgresql_has_each_event_once_live_and_rebuilt() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut reader = stranger(&database).await;
    let app = App::new(store.clone()).projector(projector::<Balances<1>>(&store).unwrap());
    app.catch_up().await.unwrap();
    assert_eq!(balances(&mut reader).await, [], "the table is there before the first event");

    deposits(&store, "ada", 3).await;
    deposits(&store, "bob", 1).await;
    app.catch_up().await.unwrap();
    app.catch_up().await.unwrap();
    let expected = [("ada".to_owned(), 6), ("bob".to_owned(), 1)];
    assert_eq!(balances(&mut reader).await, expected);

    let projector = &app.projectors()[0];
    projector.rebuild(|_| ()).await.unwrap();
    assert_eq!(balances(&mut reader).await, expected);
    deposits(&store, "bob", 2).await;
    app.catch_up().await.unwrap();
    assert_eq!(balances(&mut reader).await[1], ("bob".to_owned(), 4), "the table goes on after the swap");
    assert!(matches!(projector.check(|_| ()).await.unwrap(), Comparison::Identical { compared: 2, .. }));
    let left = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'balances%'";
    assert_eq!(number(&mut reader, left).await, 1, "no table of a build is left over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_replaced_writes_nothing_into_its_tables() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    replaced_during_a_batch(&database, &store, projector::<Balances<1>>(&store).unwrap()).await;
    assert_eq!(balances(&mut stranger(&database).await).await, [("ada".to_owned(), 7)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuilt_table_equals_the_live_one_while_writers_append() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let projector = projector::<Balances<1>>(&store).unwrap().with_batch_events_max(7);
    projector.catch_up().await.unwrap();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (projector, shutdown) = (projector.clone(), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..40 {
                    deposits(&store, &format!("{}", (writer + round) % 5), 2).await;
                }
            })
        })
        .collect();
    projector.rebuild(|_| ()).await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    projector.rebuild(|_| ()).await.unwrap();
    shutdown.cancel();
    running.await.unwrap().unwrap();

    projector.catch_up().await.unwrap();
    let all: i64 = balances(&mut stranger(&database).await).await.iter().map(|(_, amount)| amount).sum();
    assert_eq!(all, 4 * 40 * 3);
    let compared = projector.check(|_| ()).await.unwrap();
    assert!(matches!(compared, Comparison::Identical { compared: 5, .. }), "{compared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_tables_while_they_are_swapped() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let projector = projector::<Balances<1>>(&store).unwrap();
    deposits(&store, "ada", 3).await;
    deposits(&store, "bob", 4).await;
    projector.catch_up().await.unwrap();

    let done = CancellationToken::new();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (done, url) = (done.clone(), database.url().to_owned());
            tokio::spawn(async move {
                let mut reader = PgConnection::connect(&url).await.unwrap();
                let mut reads = 0;
                while !done.is_cancelled() || reads == 0 {
                    assert_eq!(balances(&mut reader).await, [("ada".to_owned(), 6), ("bob".to_owned(), 10)]);
                    reads += 1;
                }
            })
        })
        .collect();
    for _ in 0..3 {
        projector.rebuild(|_| ()).await.unwrap();
    }
    done.cancel();
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_waits_for_a_long_read_and_holds_up_no_other() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let projector = projector::<Balances<1>>(&store).unwrap();
    deposits(&store, "ada", 3).await;
    projector.catch_up().await.unwrap();
    let (mut long, mut other) = (stranger(&database).await, stranger(&database).await);
    run(&mut long, "BEGIN").await;
    balances(&mut long).await;

    let swap = tokio::spawn(async move { projector.rebuild(|_| ()).await });
    until(&mut other, "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted")
        .await;
    assert_eq!(balances(&mut other).await, [("ada".to_owned(), 6)], "it comes through between two attempts");
    assert!(!swap.is_finished());
    run(&mut long, "COMMIT").await;
    swap.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_statement_that_fails_halts_the_projector_and_leaves_nothing() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut stranger = stranger(&database).await;
    let projector = projector::<Balances<1>>(&store).unwrap();
    projector.catch_up().await.unwrap();
    run(&mut stranger, "ALTER TABLE balances ADD CHECK (amount < 2)").await;
    deposits(&store, "ada", 3).await;

    let failed = projector.catch_up().await.unwrap_err();
    assert!(matches!(failed, ProjectorError::Store { source: StoreError::Backend(_), .. }), "{failed:?}");
    assert_eq!(balances(&mut stranger).await, [], "the deposits before the one that failed are rolled back");
    let halted = generation(&projector).await;
    assert_eq!((halted.position().value(), halted.owner()), (0, None));
    assert!(halted.halt().unwrap().cause.contains("check constraint"));

    run(&mut stranger, "ALTER TABLE balances DROP CONSTRAINT balances_amount_check").await;
    projector.catch_up().await.unwrap();
    assert_eq!(balances(&mut stranger).await, [("ada".to_owned(), 6)]);
}

/// What applying a batch must not do.
struct Wrong<const HOW: u8>;

const PASS_OVER: u8 = 0;
const END: u8 = 1;
const PANIC: u8 = 2;
const SHOW: u8 = 3;

impl<const HOW: u8> PgProjection for Wrong<HOW> {
    const NAME: &'static str = "wrong";
    const TABLES: &'static [&'static str] = &["wrong"];
    type Event = AccountEvent;

    fn create(tables: &Tables) -> Vec<String> {
        vec![format!("CREATE TABLE {} (number bigint)", tables.name("wrong"))]
    }

    async fn apply(
        _: &[Recorded<AccountEvent>],
        _: &Tables,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        connection.execute("INSERT INTO wrong VALUES (1)").await?;
        let sql = match HOW {
            PASS_OVER => "SELECT 1 / 0",
            END => "ROLLBACK",
            PANIC => panic!("on purpose"),
            _ => "INSERT INTO wrong SELECT text 'tops3cret'::bigint",
        };
        let result = connection.execute(sql).await;
        if HOW != PASS_OVER {
            result?;
        }
        Ok(())
    }
}

async fn wrong<const HOW: u8>() -> Option<(ProjectorError, i64)> {
    let database = database().await?;
    let store = open(&database).await;
    deposits(&store, "ada", 1).await;
    let projector = projector::<Wrong<HOW>>(&store).unwrap();
    let failed = projector.catch_up().await.unwrap_err();
    assert!(!failed.is_transient() && generation(&projector).await.halt().is_some(), "{failed:?}");
    Some((failed, number(&mut stranger(&database).await, "SELECT count(*) FROM wrong").await))
}

#[tokio::test]
async fn a_failure_that_is_passed_over_is_no_success() {
    let Some((_, rows)) = wrong::<PASS_OVER>().await else { return };
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_projection_that_ends_its_transaction_halts() {
    let Some((failed, _)) = wrong::<END>().await else { return };
    assert!(unusable::<()>(Err(failed)).contains("leave COMMIT and ROLLBACK out"));
}

#[tokio::test]
async fn a_panic_leaves_nothing_and_no_connection_in_a_transaction() {
    let Some((failed, rows)) = wrong::<PANIC>().await else { return };
    assert!(matches!(failed, ProjectorError::Panicked(_)), "{failed:?}");
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_value_that_the_server_repeats_is_not_in_the_error() {
    let Some((failed, rows)) = wrong::<SHOW>().await else { return };
    let source = std::error::Error::source(&failed).unwrap();
    let said = format!("{failed} {failed:?} {source} {:?}", source.source().map(ToString::to_string));
    assert!(said.contains("22P02") && rows == 0, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_table_of_another_version_or_of_the_application_stays_as_it_is() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut stranger = stranger(&database).await;
    run(
        &mut stranger,
        "CREATE TABLE balances (owner text, amount bigint); INSERT INTO balances VALUES ('x', 1)",
    )
    .await;
    let first = projector::<Balances<1>>(&store).unwrap();
    // A rebuild comes first on purpose: then there is no live generation.
    for refused in [first.rebuild(|_| ()).await.map(drop), first.catch_up().await.map(drop)] {
        assert!(unusable(refused).contains("`balances` exists already"));
    }
    assert_eq!(balances(&mut stranger).await, [("x".to_owned(), 1)]);

    run(&mut stranger, "DROP TABLE balances").await;
    deposits(&store, "ada", 3).await;
    first.catch_up().await.unwrap();
    let second = projector::<Balances<2>>(&store).unwrap();
    for refused in [second.rebuild(|_| ()).await.map(drop), second.catch_up().await.map(drop)] {
        assert!(unusable(refused).contains("`balances` exists already"));
    }
    assert_eq!(balances(&mut stranger).await, [("ada".to_owned(), 6)]);
}

#[tokio::test]
async fn a_table_that_was_dropped_is_not_made_again_in_silence() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut stranger = stranger(&database).await;
    let projector = projector::<Balances<1>>(&store).unwrap();
    deposits(&store, "ada", 3).await;
    projector.catch_up().await.unwrap();
    run(&mut stranger, "DROP TABLE balances").await;
    assert!(unusable(projector.catch_up().await).contains("rebuild it"));
    projector.rebuild(|_| ()).await.unwrap();
    assert_eq!(balances(&mut stranger).await, [("ada".to_owned(), 6)]);
}

static BATCHES: AtomicUsize = AtomicUsize::new(0);

/// Every movement, in a table without a key, where a row may be there twice.
struct Movements;

impl PgProjection for Movements {
    const NAME: &'static str = "movements";
    const TABLES: &'static [&'static str] = &["movements"];
    type Event = AccountEvent;

    fn create(tables: &Tables) -> Vec<String> {
        vec![format!("CREATE TABLE {} (owner text, change json)", tables.name("movements"))]
    }

    async fn apply(
        events: &[Recorded<AccountEvent>],
        tables: &Tables,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        BATCHES.fetch_add(1, Ordering::Relaxed);
        let owners: Vec<_> = events.iter().map(|event| event.stream.key()).collect();
        let sql = format!("INSERT INTO {} SELECT unnest($1::text[]), '[1]'", tables.name("movements"));
        sqlx::query(AssertSqlSafe(sql)).bind(owners).execute(connection).await.map(drop)
    }
}

#[tokio::test]
async fn a_comparison_counts_rows_that_are_there_twice() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut stranger = stranger(&database).await;
    let projector = projector::<Movements>(&store).unwrap();
    deposits(&store, "ada", 2).await;
    deposits(&store, "bob", 1).await;
    projector.catch_up().await.unwrap();
    assert_eq!(BATCHES.load(Ordering::Relaxed), 1);
    let same = projector.check(|_| ()).await.unwrap();
    assert!(matches!(same, Comparison::Identical { compared: 3, .. }), "{same:?}");

    // The same set of rows, and as many of them.
    run(
        &mut stranger,
        "TRUNCATE movements; INSERT INTO movements SELECT unnest('{ada,bob,bob}'::text[]), '[1]'",
    )
    .await;
    let Comparison::Different(difference) = projector.check(|_| ()).await.unwrap() else {
        panic!("it was changed")
    };
    assert_eq!(difference.live.as_deref(), Some("3 rows, 1 of them only here"));
    assert_eq!(difference.rebuilt.as_deref(), Some("3 rows, 1 of them only here"));
    projector.wait_for(generation(&projector).await.position(), Duration::ZERO).await.unwrap();
}
