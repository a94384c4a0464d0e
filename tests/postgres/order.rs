//! No reader skips an event, whatever order transactions commit in; and each twin does.

use super::reader::Reader;
use super::scene::{Scene, Transaction, appended, connect, log, run, waits_for_a_lock};
use super::workload::run_beside;
use es_postgres::PostgresStore;
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

const TRANSACTIONS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_05_a_reader_beside_slow_and_rolled_back_writers_misses_nothing() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let readers = vec![
        Reader::store(&store),
        Reader::store(&scene.store().await),
        Reader::naive(url).await,
        Reader::one_statement(url, "pg_sleep(0.002)").await,
    ];
    let connections = PgConnectOptions::from_str(url).unwrap();
    let (written, readers) = run_beside(&store, &connections, TRANSACTIONS, readers).await;
    let all = log(&store).await;
    assert_eq!(all, written.positions, "what was committed is there, and nothing else");
    assert!(written.rollbacks > 0);
    for reader in &readers[..2] {
        assert_eq!(reader.seen, all, "every event once, in order");
    }
    for (reader, twin) in readers[2..].iter().zip(["naive", "one-statement"]) {
        let missed = reader.missed(&all).len();
        println!("the {twin} twin missed {missed} of {}", all.len());
        assert!(missed > 0, "the {twin} twin was not caught");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_05_a_bound_and_its_rows_in_one_statement_skip_what_commits_between() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let mut late = Transaction::begin(url, &store).await;
    let first = late.append("late").await;
    let second = appended(&store, "early", 1).await.position.value();

    // The twin has its snapshot, and waits before it asks for the bound.
    let mut hold = connect(url).await;
    run(&mut hold, "SELECT pg_advisory_lock(7703)").await;
    let mut twin = Reader::one_statement(url, "pg_advisory_lock_shared(7703)").await;
    let reading = tokio::spawn(async move {
        twin.read().await;
        twin
    });
    let mut watch = connect(url).await;
    let sql = "SELECT count(*) FROM pg_locks WHERE objid = 7703 AND NOT granted";
    super::scene::reaches(&mut watch, "the twin waits", sql, 1).await;
    late.commit().await;
    run(&mut hold, "SELECT pg_advisory_unlock(7703)").await;
    let mut twin = reading.await.unwrap();
    twin.read().await;
    assert_eq!(twin.seen, [second], "the twin was not caught");

    let mut reader = Reader::store(&store);
    reader.read().await;
    assert_eq!(reader.seen, [first, second]);
}

/// A reader whose bound is asked for after `late` has committed, and whose statement has begun before.
async fn read_around_a_commit(scene: &Scene, store: &PostgresStore, late: Transaction) -> Reader {
    let mut hold = connect(scene.url()).await;
    run(&mut hold, "SELECT pg_advisory_lock(7704)").await;
    run(
        &mut hold,
        "CREATE OR REPLACE FUNCTION es.last_allocated() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_lock_shared(7704);
            RETURN (SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM es.position_seq);
        END $$",
    )
    .await;
    let mut reader = Reader::store(store);
    let reading = tokio::spawn(async move {
        reader.read().await;
        reader
    });
    let mut watch = connect(scene.url()).await;
    let sql = "SELECT count(*) FROM pg_locks WHERE objid = 7704 AND NOT granted";
    super::scene::reaches(&mut watch, "the reader waits", sql, 1).await;
    late.commit().await;
    run(&mut hold, "SELECT pg_advisory_unlock(7704)").await;
    reading.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_05_the_rows_of_a_page_are_read_in_a_newer_snapshot_than_its_bound() {
    for (volatility, is_good) in [("VOLATILE", true), ("STABLE", false)] {
        let Some(scene) = Scene::new().await else { return };
        let (store, url) = (scene.store().await, scene.url());
        let alter = format!("ALTER FUNCTION es.read_settled(bigint, bigint, bigint, bigint) {volatility}");
        run(&mut connect(url).await, &alter).await;
        let mut late = Transaction::begin(url, &store).await;
        let first = late.append("late").await;
        let second = appended(&store, "early", 1).await.position.value();
        let reader = read_around_a_commit(&scene, &store, late).await;
        let wanted = if is_good { vec![first, second] } else { vec![second] };
        assert_eq!(reader.seen, wanted, "{volatility}: the good one sees both, and its twin is caught");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_06_the_first_two_appends_are_both_read_when_they_commit_in_reverse() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let (mut reader, mut naive) = (Reader::store(&store), Reader::naive(url).await);
    let mut first = Transaction::begin(url, &store).await;
    let mut second = Transaction::begin(url, &store).await;
    assert_eq!((first.append("a").await, second.append("b").await), (1, 2));
    for reader in [&mut reader, &mut naive] {
        assert_eq!(reader.read().await, 0);
    }
    second.commit().await;
    assert_eq!((reader.read().await, naive.read().await), (0, 1), "the first may still come");
    first.commit().await;
    for reader in [&mut reader, &mut naive] {
        reader.read().await;
    }
    assert_eq!(reader.seen, [1, 2]);
    assert_eq!(naive.missed(&[1, 2]), [1], "the naive twin was not caught");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_10_an_old_transaction_that_appends_late_comes_after_what_its_stream_has() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let mut old = Transaction::begin(url, &store).await;
    // It has its number and has written, long before the other.
    old.run("CREATE TABLE s0 (number bigint); INSERT INTO s0 VALUES (1)").await;
    let first = appended(&store, "s", 1).await;
    let second = old.try_append(vec![super::scene::append("s", 1)]).await.unwrap();
    old.commit().await;
    assert_eq!((first.version.value(), second[0].version.value()), (1, 2));
    assert!(first.position < second[0].position, "the log has a stream in the order of its versions");
    assert_eq!(log(&store).await, [first.position.value(), second[0].position.value()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_11_a_newer_transaction_with_a_lower_position_is_not_skipped() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let (mut reader, mut naive) = (Reader::store(&store), Reader::naive(url).await);
    let mut older = Transaction::begin(url, &store).await;
    older.run("CREATE TABLE older (number bigint)").await;
    let mut newer = Transaction::begin(url, &store).await;
    newer.run("CREATE TABLE newer (number bigint)").await;
    let xids = [number_of(&mut older).await, number_of(&mut newer).await];
    assert!(xids[0] < xids[1]);
    let low = newer.append("newer").await;
    let high = older.append("older").await;
    assert!(low < high);
    older.commit().await;
    assert_eq!((reader.read().await, naive.read().await), (0, 1));
    newer.commit().await;
    for reader in [&mut reader, &mut naive] {
        reader.read().await;
    }
    assert_eq!(reader.seen, [low, high]);
    assert_eq!(naive.missed(&[low, high]), [low], "the naive twin was not caught");
}

async fn number_of(transaction: &mut Transaction) -> i64 {
    super::scene::number(&mut transaction.connection, "SELECT pg_current_xact_id()::text::bigint").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_waits_for_a_slow_one_of_its_stream_is_undone_or_comes_after_it() {
    let Some(scene) = Scene::new().await else { return };
    let (store, url) = (scene.store().await, scene.url());
    let mut slow = Transaction::begin(url, &store).await;
    let first = slow.append("s").await;
    let mut waiting = Transaction::begin(url, &store).await;
    let pid = super::scene::pid(&mut waiting.connection).await;
    let second = tokio::spawn(async move {
        let outcome = waiting.try_append(vec![super::scene::append("s", 1)]).await;
        (waiting, outcome)
    });
    waits_for_a_lock(&mut connect(url).await, pid).await;
    slow.commit().await;
    let (waiting, outcome) = second.await.unwrap();
    super::scene::assert_unavailable(&outcome);
    waiting.roll_back().await;
    let third = appended(&store, "s", 1).await;
    assert_eq!(third.version.value(), 2);
    assert_eq!(log(&store).await, [first, third.position.value()]);
}
