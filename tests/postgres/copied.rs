//! Large pages of the log, which are copied out.

use super::scene::{Scene, Transaction, append, appended, event, log, reaches, stream};
use es_core::{
    Append, EventStore, Expected, Filter, PAGE_BYTES_MAX, Payload, Position, Recorded, StreamId, StreamRange,
    Version,
};
use es_postgres::{Pooler, PostgresStore};
use std::time::Duration;

/// The log in pages of `limit`, and how many there were.
async fn pages(store: &PostgresStore, limit: usize) -> (Vec<Recorded<Payload>>, usize) {
    let (mut events, mut after, mut count) = (Vec::new(), Position::START, 0);
    loop {
        let page = store.read_all(after, &Filter::default(), limit).await.unwrap();
        let bytes: usize = page.events.iter().map(|event| event.data.as_bytes().len()).sum();
        assert!(bytes <= PAGE_BYTES_MAX && page.events.len() <= limit, "{bytes} bytes");
        events.extend(page.events);
        count += 1;
        after = page.cursor.map_or(after, |cursor| cursor.position);
        if !page.more {
            return (events, count);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_size_are_the_same_log_through_any_pooler() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    for key in ["a", "b", "a", "c"] {
        appended(&store, key, 400).await;
        let mut rolled_back = Transaction::begin(scene.url(), &store).await;
        rolled_back.append("gap").await;
        rolled_back.roll_back().await;
    }
    // Too small to be copied.
    let (wanted, _) = pages(&store, 100).await;
    assert_eq!(wanted.len(), 1_600);
    for pooler in [Pooler::None, Pooler::Transaction, Pooler::LegacyTransaction] {
        let store = scene.options().pooler(pooler).without_notifications().open().await.unwrap();
        for limit in [256, 399, 400, 401, 1_599, 1_600, 10_000] {
            assert_eq!(pages(&store, limit).await.0, wanted, "{pooler:?}, {limit}");
        }
    }
}

/// A stream behind its first event up to a version, in pages of `limit`.
async fn stream_pages(store: &PostgresStore, stream: &StreamId, limit: usize) -> Vec<Recorded<Payload>> {
    let (mut events, mut after) = (Vec::new(), Version::new(1));
    loop {
        let range = StreamRange::after(after).up_to(Version::new(690)).limit(limit);
        let mut page = store.read(stream, range).await.unwrap();
        assert!(page.events.len() <= limit);
        events.append(&mut page.events);
        after = events.last().map_or(after, |event| event.version);
        if !page.more {
            return events;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_stream_is_the_same_in_pages_of_any_size_whatever_its_name() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    for key in ["plain", "O'Neil", "\\x41\\", "$1 '); DROP TABLE es.events; --", "{}%s\"é漢🦀"] {
        appended(&store, key, 700).await;
        let large = (0..120).map(|_| event(format!("\"{}\"", "x".repeat(50_000)))).collect();
        store.append(Append::new(stream("large"), Expected::Any, large)).await.unwrap();
        let stream = stream(key);
        // Too small to be copied.
        let wanted = stream_pages(&store, &stream, 100).await;
        assert_eq!(wanted.len(), 689);
        for limit in [256, 688, 689, 690, 10_000] {
            assert_eq!(stream_pages(&store, &stream, limit).await, wanted, "{key}, {limit}");
        }
    }
    // Its pages are full of bytes before they are full of events.
    let large = stream("large");
    let whole = stream_pages(&store, &large, 10_000).await;
    assert_eq!(whole.len(), 599);
    assert!(whole.iter().map(|event| event.version.value()).eq(2..=600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_events_break_a_copy_off_and_lose_nothing() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    appended(&store, "small", 300).await;
    let large = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..8 {
        let events = (0..5).map(|_| event(large.clone())).collect();
        store.append(Append::new(stream("large"), Expected::Any, events)).await.unwrap();
    }
    appended(&store, "small", 3_000).await;
    let (events, count) = pages(&store, 10_000).await;
    assert_eq!(events.len(), 3_340);
    assert!(events.is_sorted_by(|one, other| one.position < other.position));
    // Once it knows how large events are it asks for as many as fit, and later for more again.
    assert!(count < 30, "{count} pages");
    let mut plain = scene.connect().await;
    let copying = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()";
    reaches(&mut plain, "nobody copies any more", copying, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_that_are_dropped_half_way_leave_no_connection_that_is_used_again() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.options().connections(1).open().await.unwrap();
    appended(&store, "a", 5_000).await;
    let (wanted, _) = pages(&store, 10_000).await;
    let everything = Filter::default();
    for number in 0..60 {
        let read = store.read_all(Position::START, &everything, 10_000);
        let _ = tokio::time::timeout(Duration::from_micros(number * 200), read).await;
        let page = store.read_all(Position::START, &Filter::default(), 10_000).await.unwrap();
        assert_eq!(page.events, wanted, "after {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_horizon_that_is_remembered_hides_nothing_that_was_there_and_shows_nothing_too_early() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.options().connections(1).open().await.unwrap();
    appended(&store, "a", 600).await;
    let first = store.read_all(Position::START, &Filter::default(), 300).await.unwrap();
    let after = first.cursor.unwrap().position;
    let mut late = Transaction::begin(scene.url(), &store).await;
    let held = late.append("late").await;
    store.append(append("b", 400)).await.unwrap();
    // The second page is full of what was settled when the horizon was asked for; the third reaches it.
    let mut read: Vec<_> = first.events.iter().map(|event| event.position.value()).collect();
    let mut after = after;
    for _ in 0..3 {
        let page = store.read_all(after, &Filter::default(), 300).await.unwrap();
        read.extend(page.events.iter().map(|event| event.position.value()));
        after = page.cursor.map_or(after, |cursor| cursor.position);
    }
    assert_eq!(read.len(), 600, "nothing behind the late one");
    late.commit().await;
    while read.len() < 1_001 {
        let page = store.read_all(after, &Filter::default(), 300).await.unwrap();
        assert!(!page.events.is_empty(), "the horizon is asked for again");
        read.extend(page.events.iter().map(|event| event.position.value()));
        after = page.cursor.map_or(after, |cursor| cursor.position);
    }
    assert!(read.contains(&held));
    assert_eq!(read, log(&store).await);
}
