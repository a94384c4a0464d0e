//! Large calls, many calls, and more callers than connections.

use super::scene::{
    Scene, Transaction, append, appended, connect, event, log, number, options, pid, private_server, reaches,
    refused, run, stream,
};
use es_core::{Append, AppendError, EventStore, Expected, LimitError, StoreError, StreamRange, Version};
use std::time::Duration;
use test_server::Settings;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_19_10_000_streams_fit_into_one_call_and_100_000_events_are_refused() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let appends = |count: usize| (0..count).map(|key| append(&format!("s-{key}"), 1)).collect::<Vec<_>>();
    let answers = store.append_all(appends(10_000)).await.unwrap();
    assert!(answers.iter().all(|answer| answer.version == Version::new(1)));
    assert!(answers.is_sorted_by(|a, b| a.position < b.position));
    let many = Append::new(stream("many"), Expected::Any, vec![event("{}"); 100_000]);
    for refused in [vec![many], appends(100_000)] {
        let outcome = store.append_all(refused).await;
        let limit = matches!(
            outcome,
            Err(AppendError::Store(StoreError::Limit(LimitError::AppendEvents { found: 100_000, .. })))
        );
        assert!(limit, "{:?}", outcome.map(|answers| answers.len()));
    }
    assert_eq!(log(&store).await.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_19_a_transaction_of_1_000_appends_holds_one_lock() {
    const APPENDS: u64 = 1_000;
    let few = Settings::new().with("max_locks_per_transaction", "10").with("max_connections", "20");
    let Some(server) = private_server(few.with("max_prepared_transactions", "0")) else { return };
    let url = server.url("postgres");
    let store = options(&url).open().await.unwrap();
    let mut transaction = Transaction::begin(&url, &store).await;
    for number in 0..APPENDS {
        let append = Append::new(stream("s"), Expected::Exactly(Version::new(number)), vec![event("{}")]);
        transaction.try_append(vec![append]).await.unwrap();
    }
    let pid = pid(&mut transaction.connection).await;
    let sql = format!("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = {pid}");
    let mut watch = connect(&url).await;
    assert_eq!(number(&mut watch, &sql).await, 1);
    transaction.commit().await;
    let last = store.read(&stream("s"), StreamRange::default().backwards().limit(1)).await.unwrap();
    assert_eq!(last.events[0].version, Version::new(APPENDS));

    // A twin that takes a lock for each number: this server has no room for so many.
    let twin = "SELECT pg_advisory_xact_lock_shared(1, n) FROM generate_series(1, 100000) AS n";
    assert_eq!(refused(&mut watch, twin).await, "53200", "the twin was not caught");
    // A server says that a statement failed before it gives the locks back, and answers the next one after.
    run(&mut watch, "SELECT").await;
    appended(&store, "s", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_26_a_call_that_finds_no_free_connection_is_told_and_later_ones_succeed() {
    let Some(scene) = Scene::new().await else { return };
    let options = scene.options().connections(1).wait_max(Duration::from_millis(50));
    let store = options.lock_timeout(Duration::from_secs(600)).without_notifications().open().await.unwrap();
    appended(&store, "a", 1).await;
    let mut holder = scene.connect().await;
    run(&mut holder, "BEGIN; LOCK TABLE es.events IN ACCESS EXCLUSIVE MODE").await;
    let slow = tokio::spawn({
        let store = store.clone();
        async move { store.read(&stream("a"), StreamRange::default()).await }
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'es.events'::regclass";
    let mut watch = scene.connect().await;
    reaches(&mut watch, "the reader has the only connection", waits, 1).await;
    for _ in 0..3 {
        let outcome = store.read(&stream("a"), StreamRange::default()).await;
        let Err(StoreError::Unavailable { reason, .. }) = &outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("all connections were in use"), "{reason}");
    }
    run(&mut holder, "COMMIT").await;
    assert_eq!(slow.await.unwrap().unwrap().events.len(), 1, "who has the connection suffers nothing");
    assert_eq!(log(&store).await.len(), 1);
    appended(&store, "a", 1).await;
}
