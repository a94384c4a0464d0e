//! Other processes, which are other handles here, are told that the log has grown.

use super::ground::{Plain, answer, database, open, options, until};
use super::readers::LISTENS;
use es_core::{EventStore, Position, Projector, Subscription};
use sqlx::postgres::PgListener;
use std::time::Duration;
use tests::tally::{self, Count};
use tokio_util::sync::CancellationToken;

/// No test waits as long.
const NEVER: Duration = Duration::from_secs(3_600);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_wakes_the_readers_of_another_handle() {
    let Some(database) = database().await else { return };
    let writer = open(&options(database.url())).await;
    let other = open(&options(database.url())).await;
    let mut plain = Plain::connect(database.url()).await;
    until("both listen", async || plain.others(LISTENS).await == 2).await;
    let shutdown = CancellationToken::new();
    let projector = Projector::<Count>::new(other.clone()).with_poll_interval(NEVER).with_lease(NEVER * 4);
    let running = tokio::spawn({
        let (projector, shutdown) = (projector.clone(), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    let mut reader = Subscription::new(other.clone()).with_poll_interval(NEVER);
    let stream = tally::stream("awake");
    for number in 1..=20 {
        let next = tokio::spawn(async move {
            let position = reader.next().await.unwrap().position;
            (reader, position)
        });
        let appended = writer.append(tally::append(&stream, number)).await.unwrap();
        let (same, position) = answer("an event of another handle", next).await.unwrap();
        assert_eq!(position, appended.position);
        reader = same;
        answer("its projector", projector.wait_for(position, NEVER)).await.unwrap();
    }
    shutdown.cancel();
    answer("the projector", running).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_notifications_neither_tells_nor_listens_but_polls() {
    let Some(database) = database().await else { return };
    let silent = || options(database.url()).without_notifications();
    let (writer, other) = (open(&silent()).await, open(&silent()).await);
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    listener.listen("es_appended").await.unwrap();
    let mut reader = Subscription::new(other).with_poll_interval(Duration::from_millis(20));
    let mut plain = Plain::connect(database.url()).await;
    let stream = tally::stream("silent");
    for number in 1..=20 {
        let appended = writer.append(tally::append(&stream, number)).await.unwrap();
        let read = answer("an event found by polling", reader.next()).await.unwrap();
        assert_eq!(read.position, appended.position);
    }
    // The listener is the only one.
    assert_eq!(plain.others(LISTENS).await, 1);
    plain.run("NOTIFY es_appended, 'the end'").await;
    let first = answer("a notification", listener.recv()).await.unwrap();
    assert_eq!(first.payload(), "the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_16_a_burst_of_1_000_appends_gives_few_notifications_and_none_has_a_payload() {
    let Some(database) = database().await else { return };
    let store = open(&options(database.url())).await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    listener.listen("es_appended").await.unwrap();
    let writers = (0..4).map(|writer| {
        let (store, stream) = (store.clone(), tally::stream(&format!("burst-{writer}")));
        tokio::spawn(async move {
            for number in 1..=250 {
                store.append(tally::append(&stream, number)).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        answer("a writer", writer).await.unwrap();
    }
    // The store's own last one may come later, and is missed then.
    Plain::connect(database.url()).await.run("NOTIFY es_appended, 'the end'").await;
    let mut notifications = 0;
    while answer("a notification", listener.recv()).await.unwrap().payload().is_empty() {
        notifications += 1;
    }
    println!("1,000 appends, {notifications} notifications");
    assert!((1..=250).contains(&notifications), "{notifications}");
    let head = store.head().await.unwrap().unwrap().position;
    assert!(head >= Position::new(1_000));
}
