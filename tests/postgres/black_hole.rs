//! A network that swallows everything: no answer, no end of the connection.

use super::cut::through_a_proxy;
use super::ground::{Plain, answer, database, log, open, options, places, until};
use es_core::{AppendError, EventStore, StoreError};
use std::time::Duration;
use tests::proxy::Mode;
use tests::tally;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_24_calls_into_a_black_hole_end_with_typed_errors_and_can_be_repeated_after_it() {
    let Some(database) = database().await else { return };
    let (proxy, through) = through_a_proxy(database.url()).await;
    let options = options(&through)
        .lanes(1)
        .connections(1)
        .without_notifications()
        .connect_timeout(Duration::from_secs(1))
        .statement_timeout(Duration::from_secs(1));
    let store = open(&options).await;
    let stream = tally::stream("hole");
    store.append(tally::append(&stream, 1)).await.unwrap();

    proxy.set(Mode::Swallow);
    // The lane is connected, so the statement may have arrived.
    let (lost, head) = tokio::join!(
        answer("an append", store.append(tally::append(&stream, 2))),
        answer("a read", store.head()),
    );
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))), "{lost:?}");
    assert!(matches!(head, Err(StoreError::Unavailable { .. })), "{head:?}");
    // It has to connect again, and nothing is sent.
    let refused = answer("another append", store.append(tally::append(&stream, 3))).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    let opened = answer("opening", options.clone().open()).await;
    assert!(matches!(opened, Err(StoreError::Unavailable { .. })), "{opened:?}");

    proxy.calm();
    for number in [2, 3] {
        assert!(!store.append(tally::append(&stream, number)).await.unwrap().repeated);
    }
    assert_eq!(places(&log(&store).await).len(), 3);
    store.head().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_24_an_append_whose_answer_is_swallowed_was_stored_and_is_answered_again() {
    let Some(database) = database().await else { return };
    let (proxy, through) = through_a_proxy(database.url()).await;
    let slow = options(&through).lanes(1).without_notifications().statement_timeout(Duration::from_secs(2));
    let store = open(&slow).await;
    let direct = open(&options(database.url())).await;
    let stream = tally::stream("swallowed");
    store.append(tally::append(&stream, 1)).await.unwrap();

    // A lock makes the server slow, so that the network fails between the request and the reply.
    let mut plain = Plain::connect(database.url()).await;
    plain.run("BEGIN; LOCK TABLE es.events IN SHARE ROW EXCLUSIVE MODE").await;
    let lost = tokio::spawn({
        let (store, append) = (store.clone(), tally::append(&stream, 2));
        async move { store.append(append).await }
    });
    let waits = "wait_event_type = 'Lock'";
    until("the append waits", async || plain.others(waits).await == 1).await;
    proxy.set(Mode::Swallow);
    plain.run("COMMIT").await;
    let lost = answer("an append", lost).await.unwrap();
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))), "{lost:?}");
    let stored = places(&log(&direct).await).len() == 2;
    proxy.calm();
    assert_eq!(store.append(tally::append(&stream, 2)).await.unwrap().repeated, stored);
    assert_eq!(places(&log(&direct).await).len(), 2);
}
