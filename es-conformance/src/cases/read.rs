//! Reading one stream.

use crate::Subject;
use crate::fixtures::{append, appended, event, new_ids, store, stream, versions, whole_stream};
use es_core::{Append, EventStore, Expected, Metadata, StreamId, StreamPage, StreamRange, Version};
use std::time::Duration;
use uuid::Uuid;

fn at(version: u64) -> Version {
    Version::new(version)
}

fn seen(page: &StreamPage) -> (Vec<u64>, bool) {
    (versions(&page.events), page.more)
}

pub async fn a_stream_without_events_is_an_empty_page(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, append("a", 1)).await;
    for range in [StreamRange::default(), StreamRange::default().backwards(), StreamRange::after(at(3))] {
        let page = store.read(&stream("b"), range).await.unwrap();
        assert!(page.events.is_empty() && !page.more);
    }
}

pub async fn a_stream_is_read_forwards_backwards_and_in_pieces(subject: &dyn Subject) {
    let store = store(subject).await;
    let ten = append("a", 10);
    appended(&store, ten.clone()).await;
    let whole = whole_stream(&store, &stream("a")).await;
    assert_eq!(crate::fixtures::ids(&whole), new_ids(&ten.events));
    let whole = StreamRange::default();
    let after = StreamRange::after;
    let ranges = [
        (whole, vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
        (whole.limit(3), vec![1, 2, 3], true),
        (whole.limit(10), vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10], false),
        (after(at(7)), vec![8, 9, 10], false),
        (after(at(7)).limit(2), vec![8, 9], true),
        (after(at(2)).up_to(at(5)), vec![3, 4, 5], false),
        (after(at(2)).up_to(at(5)).limit(2), vec![3, 4], true),
        (StreamRange::at(at(4)), vec![4], false),
        (StreamRange::at(at(1)), vec![1], false),
        (after(at(10)), vec![], false),
        (after(at(11)), vec![], false),
        (after(at(5)).up_to(at(5)), vec![], false),
        (after(at(6)).up_to(at(3)), vec![], false),
        (whole.backwards().limit(3), vec![10, 9, 8], true),
        (after(at(2)).up_to(at(5)).backwards(), vec![5, 4, 3], false),
        (after(at(2)).up_to(at(5)).backwards().limit(2), vec![5, 4], true),
        (whole.up_to(at(99)).backwards().limit(1), vec![10], true),
        (after(at(10)).backwards(), vec![], false),
    ];
    for (range, expected, more) in ranges {
        let page = store.read(&stream("a"), range).await.unwrap();
        assert_eq!(seen(&page), (expected, more), "{range:?}");
    }
}

pub async fn streams_with_similar_names_are_apart(subject: &dyn Subject) {
    let store = store(subject).await;
    let names =
        ["a-1", "a-11", "a-1-1", "a_b-1", "axb-1", "a-_", "a-%", "a-x", "ab-1", "a--1", "a- 1", "a-1 "];
    for (index, name) in names.iter().enumerate() {
        let stream: StreamId = name.parse().unwrap();
        appended(&store, Append::new(stream, Expected::Empty, crate::fixtures::events(index + 1))).await;
    }
    for (index, name) in names.iter().enumerate() {
        let stream: StreamId = name.parse().unwrap();
        let events = whole_stream(&store, &stream).await;
        assert_eq!(events.len(), index + 1, "{name}");
        assert!(events.iter().all(|event| event.stream == stream), "{name}");
    }
}

pub async fn an_event_comes_back_as_it_went_in(subject: &dyn Subject) {
    let store = store(subject).await;
    let metadata = Metadata::new()
        .by("álice\u{0}'\"")
        .command(crate::fixtures::command_id("c-1"))
        .correlated(Uuid::from_u128(u128::MAX))
        .caused_by(Uuid::from_u128(1))
        .traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap())
        .occurred(chrono::DateTime::UNIX_EPOCH - Duration::from_nanos(1))
        .with("tenant", "blue")
        .with("", "\u{1f600}");
    let mut full = event("account.changed", br#"{"b":1,"a":[ 1.50 ]}"#.as_slice());
    full.metadata = metadata;
    full.schema_version = u32::MAX >> 1;
    let bare = event("account.changed.twice", "null");
    let sent = [full, bare];
    let answer = appended(&store, Append::new(stream("a"), Expected::Any, sent.to_vec())).await;
    let read = whole_stream(&store, &stream("a")).await;
    assert_eq!(crate::fixtures::whole_log(&store).await, read, "the log has the same as the stream");
    for (index, (sent, read)) in sent.iter().zip(&read).enumerate() {
        assert_eq!(
            (read.event_id, &read.name, read.schema_version),
            (sent.event_id, &sent.name, sent.schema_version)
        );
        assert_eq!((&read.metadata, read.data.as_bytes()), (&sent.metadata, sent.payload.as_bytes()));
        assert_eq!((&read.stream, read.version), (&stream("a"), at(index as u64 + 1)));
        assert_eq!((read.position, read.recorded_at), (answer.positions[index], answer.recorded_at));
        assert_eq!(read.recorded_at.timestamp_subsec_nanos() % 1_000, 0, "recorded in microseconds");
    }
}
