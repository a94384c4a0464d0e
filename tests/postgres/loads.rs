//! Loads at the same time share statements: each is answered as if it had been alone.

use super::scene::{Scene, append, appended, event, run, stream};
use es_core::{
    Append, EventId, EventStore, Expected, Metadata, NewEvent, PAGE_EVENTS_MAX, Payload, Recorded, Snapshot,
    SnapshotStore, StoreError, StreamId, StreamPage, StreamRange, Version,
};
use es_postgres::PostgresStore;
use futures::future::join_all;
use futures::poll;
use std::pin::pin;
use tests::wait;

type Load = (Option<Snapshot>, Vec<Recorded<Payload>>);

/// Nobody reads until it is rolled back.
const LOCK: &str = "BEGIN; LOCK TABLE es.events IN ACCESS EXCLUSIVE MODE";

/// Keeps `state` as the snapshot of a stream at a version.
async fn save(store: &PostgresStore, key: &str, version: u64, state: String) {
    let range = StreamRange::after(Version::new(version - 1)).limit(1);
    let at = store.read(&stream(key), range).await.unwrap().events.remove(0);
    let snapshot = Snapshot {
        stream: stream(key),
        version: Version::new(version),
        event_id: EventId::new(at.event_id.uuid()),
        schema_version: 1,
        state: Payload::new(state.into_bytes()),
    };
    store.save(snapshot).await.unwrap();
}

/// Streams of all sizes, with and without snapshots; some are too large to be read with others, and one for a page.
async fn streams(store: &PostgresStore) -> Vec<StreamId> {
    for (key, count) in
        [("one", 1), ("some", 7), ("hundred", 100), ("more", 101), ("many", 1_100), ("huge", 10_000)]
    {
        appended(store, key, count).await;
        appended(store, &format!("{key}-saved"), count).await;
        save(store, &format!("{key}-saved"), count as u64, "{}".into()).await;
    }
    appended(store, "huge", 5).await;
    save(store, "some-saved", 3, "[1]".into()).await;
    save(store, "hundred-saved", 2, format!("\"{}\"", "x".repeat(20_000))).await;
    let wide = "x".repeat(9_000);
    let payload = event(format!("\"{wide}\""));
    let metadata = NewEvent { metadata: Metadata::new().with("wide", &wide), ..event("{}") };
    for (key, event) in [("wide-payload", payload), ("wide-metadata", metadata)] {
        store.append(Append::new(stream(key), Expected::Empty, vec![event])).await.unwrap();
    }
    let kinds = ["one", "some", "hundred", "more", "many", "huge"];
    let saved = kinds.map(|kind| format!("{kind}-saved"));
    let others = ["wide-payload", "wide-metadata", "none"].map(str::to_owned);
    let keys = kinds.map(str::to_owned).into_iter().chain(saved).chain(others);
    keys.map(|key| stream(&key)).collect()
}

/// All events, to the last page.
async fn whole(store: &PostgresStore, stream: &StreamId, mut page: StreamPage) -> Vec<Recorded<Payload>> {
    let mut events = page.events;
    while page.more {
        let last = events.last().expect("a page that has more has something").version;
        page = store.read(stream, StreamRange::after(last)).await.unwrap();
        assert!(!page.events.is_empty(), "{stream} has no more behind {last}");
        events.append(&mut page.events);
    }
    events
}

async fn load(store: &PostgresStore, stream: &StreamId) -> Load {
    let (snapshot, page) = store.load(stream, 1).await.unwrap();
    (snapshot, whole(store, stream, page).await)
}

async fn read(store: &PostgresStore, stream: &StreamId) -> Vec<Recorded<Payload>> {
    let page = store.read(stream, StreamRange::default()).await.unwrap();
    whole(store, stream, page).await
}

/// On one thread, so that all are queued before any is sent.
#[tokio::test]
async fn loads_at_the_same_time_equal_single_ones() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let streams = streams(&store).await;
    let mut alone = Vec::new();
    for stream in &streams {
        alone.push((load(&store, stream).await, read(&store, stream).await));
    }
    assert_eq!(alone[5].1.len(), PAGE_EVENTS_MAX + 5);
    let twice = || streams.iter().chain(&streams);
    let (loads, reads) = wait::within("all are loaded", async {
        let loads = join_all(twice().map(|stream| load(&store, stream)));
        let reads = join_all(twice().map(|stream| read(&store, stream)));
        futures::join!(loads, reads)
    })
    .await;
    for ((stream, alone), (load, read)) in
        twice().zip(alone.iter().chain(&alone)).zip(loads.iter().zip(&reads))
    {
        assert!(alone.0 == *load, "{stream} with its snapshot");
        assert!(alone.1 == *read, "{stream}");
        let first = load.0.as_ref().map_or(1, |snapshot| snapshot.version.value());
        let versions = load.1.iter().map(|event| event.version.value());
        assert!(versions.zip(first..).all(|(found, expected)| found == expected), "{stream}");
    }
}

#[tokio::test]
async fn a_load_that_nobody_asks_on_holds_up_no_other() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    appended(&store, "a", 3).await;
    let a = stream("a");
    let mut other = scene.connect().await;
    run(&mut other, LOCK).await;
    // Two of them have begun and the third waits, and nobody looks at them any more.
    let (mut one, mut two, mut three) =
        (pin!(read(&store, &a)), pin!(read(&store, &a)), pin!(read(&store, &a)));
    assert!(poll!(&mut one).is_pending() && poll!(&mut two).is_pending() && poll!(&mut three).is_pending());
    run(&mut other, "ROLLBACK").await;
    let page = wait::within("another one is answered", read(&store, &a)).await;
    assert_eq!(page.len(), 3);
    assert_eq!(one.await, page);
}

#[tokio::test]
async fn a_stream_that_is_damaged_spoils_no_load_beside_it() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    for key in ["a", "bad", "c"] {
        store.append(append(key, 2)).await.unwrap();
    }
    run(
        &mut scene.connect().await,
        "ALTER TABLE es.events RENAME TO stored;
        CREATE FUNCTION es.is_well(stream text) RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            IF stream = 'account-bad' THEN RAISE EXCEPTION 'damaged' USING ERRCODE = 'XX001'; END IF;
            RETURN true;
        END $$;
        CREATE VIEW es.events AS SELECT * FROM es.stored WHERE es.is_well(stream)",
    )
    .await;
    let keys = || ["a", "bad", "c"].into_iter().cycle().take(12);
    let loads = join_all(keys().map(|key| {
        let (store, stream) = (&store, stream(key));
        async move { store.load(&stream, 1).await }
    }));
    for (key, load) in keys().zip(loads.await) {
        match key {
            "bad" => assert!(matches!(load, Err(StoreError::Corrupt(_))), "{load:?}"),
            _ => assert_eq!(load.unwrap().1.events.len(), 2),
        }
    }
}

#[tokio::test]
async fn all_who_wait_are_told_that_the_server_is_busy() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.options().lock_timeout(std::time::Duration::from_millis(50)).open().await.unwrap();
    appended(&store, "a", 1).await;
    let mut other = scene.connect().await;
    run(&mut other, LOCK).await;
    let a = stream("a");
    let loads = join_all((0..12).map(|_| store.read(&a, StreamRange::default())));
    for load in wait::within("all are told", loads).await {
        assert!(matches!(load, Err(StoreError::Unavailable { .. })), "{load:?}");
    }
    run(&mut other, "ROLLBACK").await;
    assert_eq!(read(&store, &a).await.len(), 1);
}
