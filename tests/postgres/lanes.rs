//! Calls that wait together: what one of them needs or meets is not at the others' cost.

use super::scene::{
    Scene, Transaction, append, appended, assert_unavailable, event, number, reaches, stream,
};
use super::trouble::refuse;
use es_core::{
    Append, AppendError, Appended, EventStore, Expected, Limits, Metadata, NewEvent, StoreError, Version,
};
use es_postgres::PostgresStore;
use futures::future::join_all;
use futures::poll;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;
use tests::wait;
use tokio::task::JoinHandle;

/// An append to a stream that a transaction holds: the store's only lane waits for it.
async fn waits_for(scene: &Scene, store: &PostgresStore, key: &'static str) -> JoinHandle<Appended> {
    let store = store.clone();
    let waits = tokio::spawn(async move { appended(&store, key, 1).await });
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'es-postgres'
        AND wait_event_type = 'Lock' AND datname = current_database()";
    reaches(&mut scene.connect().await, "the lane waits", sql, 1).await;
    waits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_somebody_holds_holds_up_no_other_but_once() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.options().lanes(1).lock_timeout(Duration::from_secs(2)).open().await.unwrap();
    let mut first = Transaction::begin(scene.url(), &store).await;
    let mut long = Transaction::begin(scene.url(), &store).await;
    first.append("first").await;
    long.append("held").await;
    let waits = waits_for(&scene, &store, "first").await;
    // They go out together once the lane is free.
    let mut held = pin!(store.append(append("held", 1)));
    let mut others = pin!(join_all(["a", "b", "c"].map(|key| store.append(append(key, 1)))));
    assert!(poll!(&mut held).is_pending() && poll!(&mut others).is_pending());
    first.commit().await;
    waits.await.unwrap();
    for outcome in wait::within("the others are appended", others).await {
        outcome.unwrap();
    }
    let mut again = pin!(store.append(append("held", 1)));
    assert!(poll!(&mut again).is_pending());
    appended(&store, "d", 1).await;
    assert!(poll!(&mut held).is_pending(), "it was waited for, although nobody else needs the stream");
    assert!(poll!(&mut again).is_pending());
    long.roll_back().await;
    let versions = [held.await.unwrap().version, again.await.unwrap().version];
    assert_eq!(BTreeSet::from(versions), BTreeSet::from([1, 2].map(Version::new)));
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_with_too_much_to_do_is_not_sent_each_call_again() {
    const CALLS: usize = 20;
    for code in ["57014", "53200"] {
        let Some(scene) = Scene::new().await else { return };
        refuse(&scene, code, 1_000_000).await;
        let store = scene.options().lanes(1).open().await.unwrap();
        let calls = (0..CALLS).map(|key| store.append(append(&format!("s-{key}"), 1)));
        for outcome in join_all(calls).await {
            assert_unavailable(&outcome);
        }
        let tries = number(&mut scene.connect().await, "SELECT last_value FROM public.refusals").await;
        assert!(tries <= CALLS as i64, "{code}: {tries} statements for {CALLS} calls");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_takes_no_more_calls_than_its_bytes_allow_metadata_too() {
    let Some(scene) = Scene::new().await else { return };
    let limits = Limits::default().with_event_bytes_max(6 * 1024 * 1024);
    // What is encoded while the stream is held takes its time on a slow machine.
    let options = scene.options().lock_timeout(Duration::from_secs(25));
    let store = options.lanes(1).limits(limits).open().await.unwrap();
    let mut first = Transaction::begin(scene.url(), &store).await;
    first.append("first").await;
    let waits = waits_for(&scene, &store, "first").await;
    let wide = "x".repeat(5 * 1024 * 1024);
    let calls = (0..4).map(|key| {
        let event = NewEvent { metadata: Metadata::new().with("wide", &wide), ..event("{}") };
        store.append(Append::new(stream(&format!("s-{key}")), Expected::Any, vec![event]))
    });
    let mut calls = pin!(join_all(calls));
    assert!(poll!(&mut calls).is_pending());
    first.commit().await;
    waits.await.unwrap();
    // Those of one statement have its time.
    let times: BTreeSet<_> = calls.await.into_iter().map(|answer| answer.unwrap().recorded_at).collect();
    assert_eq!(times.len(), 2, "two of them fill a statement");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_a_transaction_brings_twice_is_told_and_not_a_conflict() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let head = appended(&store, "a", 5).await.version;
    let twin = event("{}");
    let call = |expected| {
        let to = |key, expected| Append::new(stream(key), expected, vec![twin.clone()]);
        vec![to("a", Expected::Exactly(expected)), to("b", Expected::Any)]
    };
    let mut transaction = Transaction::begin(scene.url(), &store).await;
    let outcomes = [store.append_all(call(head)).await, transaction.try_append(call(head)).await];
    for outcome in outcomes {
        let taken = matches!(&outcome, Err(AppendError::Store(StoreError::EventIdTaken { .. })));
        assert!(taken, "{outcome:?}");
    }
    for outcome in
        [store.append_all(call(Version::ZERO)).await, transaction.try_append(call(Version::ZERO)).await]
    {
        let Err(AppendError::Conflict(conflict)) = outcome else { panic!("{outcome:?}") };
        assert_eq!((conflict.stream, conflict.found), (stream("a"), head));
    }
    transaction.roll_back().await;
}
