//! Who holds readers back, who does not, and who is told of it.

use super::reader::Reader;
use super::scene::{
    Scene, Transaction, append, appended, connect, count, log, number, pid, reaches, refused, run, try_run,
};
use es_core::{EventStore, Position, Projector};
use std::time::Duration;
use tests::tally::Count;
use tests::wait;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_07_an_idle_writer_holds_readers_and_nobody_else_and_is_named() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let before = appended(&store, "before", 1).await.position.value();
    let mut idle = Transaction::begin(scene.url(), &store).await;
    let held = idle.append("idle").await;
    let mut after = Vec::new();
    for key in ["a", "b", "a"] {
        after.push(appended(&store, key, 1).await.position.value());
    }
    assert_eq!(log(&store).await, [before], "readers wait for the idle one");
    assert_eq!(store.head().await.unwrap().unwrap().position.value(), before);

    let mut watch = scene.connect().await;
    let idle_pid = pid(&mut idle.connection).await;
    let state = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE pid = {idle_pid} AND state = 'idle in transaction'"
    );
    reaches(&mut watch, "it is idle", &state, 1).await;
    let blockers = store.blockers().await.unwrap();
    let [blocker] = &blockers[..] else { panic!("expected one, found {blockers:?}") };
    assert_eq!((blocker.pid, blocker.gid.as_deref()), (Some(idle_pid), None));
    assert_eq!(blocker.application.as_deref(), Some("a user's own"));
    assert_eq!(blocker.state.as_deref(), Some("idle in transaction"));
    assert!(blocker.age.is_some());
    assert_eq!(blocker.above, Position::new(before));

    idle.commit().await;
    assert_eq!(log(&store).await, [&[before, held], &after[..]].concat());
    assert_eq!(store.blockers().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_07_an_idle_writer_is_ended_by_the_time_out_that_its_append_set() {
    let Some(scene) = Scene::new().await else { return };
    let short = scene.options().idle_in_transaction_timeout(Duration::from_millis(100)).open().await.unwrap();
    let store = scene.store().await;
    let mut idle = Transaction::begin(scene.url(), &short).await;
    idle.append("idle").await;
    let after = appended(&store, "after", 1).await.position.value();
    let released = async || log(&store).await == [after];
    wait::until("the idle time-out releases readers", released).await;
    assert!(try_run(&mut idle.connection, "SELECT 1").await.is_err(), "its connection is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_08_transactions_in_another_database_hold_nobody() {
    let (Some(scene), Some(other)) = (Scene::new().await, Scene::new().await) else { return };
    let store = scene.store().await;
    // A copy of the same database: also the key of its locks is the same.
    let of_the_other = other.store().await;
    appended(&of_the_other, "a", 1).await;
    let mut writing = Transaction::begin(other.url(), &of_the_other).await;
    writing.append("writing").await;
    writing.run("CREATE TABLE written AS SELECT 1 AS number").await;
    let mut locking = other.connect().await;
    run(&mut locking, "BEGIN; SELECT * FROM es.store FOR UPDATE").await;
    let mut orphan = Transaction::begin(other.url(), &of_the_other).await;
    orphan.append("orphan").await;
    let gid = format!("orphan of {}", other.name());
    orphan.run(&format!("PREPARE TRANSACTION '{gid}'")).await;

    let own = appended(&store, "own", 2).await;
    let own: Vec<u64> = own.positions.iter().map(|position| position.value()).collect();
    assert_eq!(log(&store).await, own, "what happens there holds nobody here");
    assert_eq!(store.blockers().await.unwrap(), []);
    assert_eq!(of_the_other.blockers().await.unwrap().len(), 2, "there it does");
    run(&mut other.connect().await, &format!("ROLLBACK PREPARED '{gid}'")).await;
    writing.roll_back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_09_a_prepared_transaction_with_an_append_holds_readers_until_it_is_ended() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut prepared = Transaction::begin(scene.url(), &store).await;
    prepared.append("prepared").await;
    let gid = format!("prepared in {}", scene.name());
    prepared.run(&format!("PREPARE TRANSACTION '{gid}'")).await;
    drop(prepared);
    let after = appended(&store, "after", 1).await.position.value();
    assert_eq!(log(&store).await, [0; 0]);
    let blockers = store.blockers().await.unwrap();
    let [blocker] = &blockers[..] else { panic!("expected one, found {blockers:?}") };
    assert_eq!((blocker.gid.as_deref(), blocker.pid), (Some(&*gid), None));
    assert!(blocker.age.is_some(), "it is known since when");
    run(&mut scene.connect().await, &format!("ROLLBACK PREPARED '{gid}'")).await;
    assert_eq!(log(&store).await, [after]);
    assert_eq!(store.blockers().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_12_an_append_undone_by_a_savepoint_holds_nobody_and_the_next_one_does() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut transaction = Transaction::begin(scene.url(), &store).await;
    for _ in 0..2 {
        transaction.run("SAVEPOINT s").await;
        transaction.append("undone").await;
        assert_eq!(store.blockers().await.unwrap().len(), 1);
        transaction.run("ROLLBACK TO SAVEPOINT s").await;
        assert_eq!(store.blockers().await.unwrap(), [], "no lock is left");
    }
    let first = appended(&store, "other", 1).await.position.value();
    assert_eq!(log(&store).await, [first], "nobody waits for what was undone");
    assert_eq!(number(&mut transaction.connection, "SELECT count(*) FROM es.events").await, 1);

    transaction.run("SAVEPOINT s").await;
    let late = transaction.append("late").await;
    transaction.run("RELEASE SAVEPOINT s").await;
    let second = appended(&store, "other", 1).await.position.value();
    assert_eq!(log(&store).await, [first], "the lock was taken again, and outlives its savepoint");
    transaction.commit().await;
    assert_eq!(log(&store).await, [first, late, second]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_taken_anew_in_each_transaction_of_a_connection() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut transaction = Transaction::begin(scene.url(), &store).await;
    for (end, held) in [("COMMIT", 1), ("ROLLBACK", 1), ("COMMIT AND CHAIN", 1), ("ROLLBACK AND CHAIN", 1)] {
        transaction.append("own").await;
        assert_eq!(store.blockers().await.unwrap().len(), held, "before {end}");
        transaction.run(end).await;
        assert_eq!(store.blockers().await.unwrap(), [], "after {end}");
        if !end.ends_with("CHAIN") {
            transaction.run("BEGIN").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_14_the_horizon_is_refused_where_a_snapshot_is_kept() {
    let Some(scene) = Scene::new().await else { return };
    let mut connection = scene.connect().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        run(&mut connection, &format!("BEGIN ISOLATION LEVEL {level}")).await;
        assert_eq!(refused(&mut connection, "SELECT es.horizon()").await, "25001", "{level}");
        run(&mut connection, "ROLLBACK").await;
    }
    run(&mut connection, "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT es.horizon(); COMMIT").await;

    // Whoever makes one of them the default does not stop the store.
    let alter = format!("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'", scene.name());
    run(&mut connection, &alter).await;
    let store = scene.store().await;
    appended(&store, "a", 1).await;
    assert_eq!(log(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_in_a_transaction_with_an_old_snapshot_never_forks_a_stream() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut old = Transaction::begin(scene.url(), &store).await;
        old.run(&format!("SET TRANSACTION ISOLATION LEVEL {level}; SELECT * FROM es.events")).await;
        appended(&store, "s", 1).await;
        let outcome = old.try_append(vec![append("s", 1)]).await;
        assert!(outcome.is_err(), "{level}: {outcome:?}");
        old.roll_back().await;
    }
    assert_eq!(log(&store).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_in_one_database_do_not_hold_each_other() {
    let Some(scene) = Scene::empty().await else { return };
    let one = scene.options().schema("one").open().await.unwrap();
    let two = scene.options().schema("two").open().await.unwrap();
    assert_ne!(one.store_id(), two.store_id());
    let mut held = Transaction::begin(scene.url(), &one).await;
    held.append("a").await;
    let (in_one, in_two) = (appended(&one, "b", 1).await, appended(&two, "b", 1).await);
    assert_eq!(log(&one).await, [0; 0]);
    assert_eq!(log(&two).await, [in_two.position.value()]);
    assert_eq!((one.blockers().await.unwrap().len(), two.blockers().await.unwrap().len()), (1, 0));
    held.roll_back().await;
    assert_eq!(log(&one).await, [in_one.position.value()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_left_by_a_rollback_stops_nobody_and_its_reader_can_start_again() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut reader = Reader::store(&store);
    let mut undone = Transaction::begin(scene.url(), &store).await;
    undone.try_append(vec![append("undone", 50)]).await.unwrap();
    undone.roll_back().await;
    assert_eq!((reader.read().await, reader.cursor()), (0, 0), "a hole is no row");
    let mut reader = reader.reconnect(scene.url(), &scene.store().await).await;
    let next = appended(&store, "next", 1).await.position.value();
    assert_eq!((reader.read().await, reader.cursor()), (1, next));
    assert_eq!(count(&mut connect(scene.url()).await).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_announces_itself_late_halts_no_projector() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    appended(&store, "a", 1).await;
    let below = store.head().await.unwrap().unwrap().position.value();
    appended(&store, "a", 1).await;
    Projector::<Count>::new(store.clone()).catch_up().await.unwrap();
    // It has seen the first number, and takes its lock after the second one was drawn and read.
    let mut late = scene.connect().await;
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock_shared(store_key, {below}) FROM es.store");
    run(&mut late, &lock).await;
    assert_eq!(number(&mut scene.connect().await, "SELECT es.horizon()").await, below as i64);
    Projector::<Count>::new(store.clone()).catch_up().await.expect("the log is the same");
    run(&mut late, "ROLLBACK").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_in_a_transaction_that_commits_without_waiting_makes_it_wait() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut transaction = Transaction::begin(scene.url(), &store).await;
    for (set, found) in [("off", "on"), ("local", "local"), ("on", "on")] {
        transaction.run(&format!("SET synchronous_commit = {set}")).await;
        transaction.append("own").await;
        let shown: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(&mut transaction.connection)
            .await
            .unwrap();
        assert_eq!(shown, found, "for {set}");
        transaction.run("COMMIT; BEGIN").await;
    }
}
