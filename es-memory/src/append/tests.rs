use crate::MemoryStore;
use crate::fixtures::{append, command, event, event_id, page_after, stream};
use chrono::{DateTime, Utc};
use es_core::{
    Append, AppendError, Clock, Conflict, Direction, EventStore, Expected, Filter, PAGE_BYTES_MAX, Payload,
    Position, StoreError, StreamRange, Version,
};
use std::sync::Arc;

fn store_error<T: std::fmt::Debug>(result: Result<T, AppendError>) -> StoreError {
    match result {
        Err(AppendError::Store(error)) => error,
        other => panic!("expected a store error, found {other:?}"),
    }
}

#[tokio::test]
async fn a_retry_is_answered_as_the_first_time_wherever_the_stream_is_now() {
    let store = MemoryStore::default();
    let first = Append { expected: Expected::Empty, ..append("a", [1, 2]) };
    let recorded = store.append(first.clone()).await.unwrap();
    store.append(append("a", [3])).await.unwrap();

    let again = store.append(first).await.unwrap();

    assert!(again.repeated && !recorded.repeated);
    assert_eq!((again.version, &again.positions), (Version::new(2), &recorded.positions));
    assert_eq!((again.position, again.recorded_at), (recorded.position, recorded.recorded_at));
    assert_eq!(page_after(&store, 0).await.events.len(), 3);
}

#[tokio::test]
async fn a_retry_with_other_events_is_refused() {
    let store = MemoryStore::default();
    store.append(append("a", [1, 2, 3])).await.unwrap();
    for (numbers, found) in [([1, 4], 1), ([4, 3], 1), ([2, 1], 2), ([1, 3], 2)] {
        let error = store_error(store.append(append("a", numbers)).await);
        assert!(
            matches!(error, StoreError::PartlyRecorded { recorded, sent: 2, .. } if recorded == found),
            "{numbers:?}: {error}"
        );
    }
}

#[tokio::test]
async fn an_event_id_is_used_once_in_a_store_and_in_a_call() {
    let store = MemoryStore::default();
    store.append(append("a", [1])).await.unwrap();
    for appends in [
        vec![append("b", [1])],
        vec![append("b", [2, 1])],
        vec![append("a", [5, 5])],
        vec![append("a", [6]), append("b", [6])],
    ] {
        let error = store_error(store.append_all(appends).await);
        assert!(
            matches!(&error, StoreError::EventIdTaken { stream: taken_by, .. } if *taken_by == stream("a")),
            "{error}"
        );
    }
    assert_eq!(page_after(&store, 0).await.events.len(), 1);
}

#[tokio::test]
async fn a_command_is_answered_again_even_when_it_was_decided_differently() {
    let store = MemoryStore::default();
    let first = Append { command_id: Some(command("c")), ..append("a", [1]) };
    let recorded = store.append(first).await.unwrap();
    store.append(append("a", [2])).await.unwrap();

    let decided_again = Append {
        command_id: Some(command("c")),
        expected: Expected::Exactly(Version::ZERO),
        ..append("a", [8, 9])
    };
    let again = store.append(decided_again).await.unwrap();

    assert_eq!((again.version, again.positions), (Version::new(1), recorded.positions.clone()));
    assert!(again.repeated);
    assert_eq!(page_after(&store, 0).await.events.len(), 2);
    let (answered_for, answer) = store.answered(&command("c")).await.unwrap().unwrap();
    assert_eq!((answered_for, answer.positions, answer.repeated), (stream("a"), recorded.positions, false));
}

#[tokio::test]
async fn a_command_id_is_taken_by_its_stream() {
    let store = MemoryStore::default();
    let with = |text, append| Append { command_id: Some(command(text)), ..append };
    store.append(with("c", append("a", [1]))).await.unwrap();
    for appends in
        [vec![with("c", append("b", [2]))], vec![with("d", append("a", [3])), with("d", append("b", [4]))]]
    {
        let error = store_error(store.append_all(appends).await);
        assert!(
            matches!(&error, StoreError::CommandIdTaken { stream: taken_by, .. } if *taken_by == stream("a")),
            "{error}"
        );
    }
    assert_eq!(store.answered(&command("d")).await.unwrap(), None);
}

#[tokio::test]
async fn a_command_without_events_is_recorded_where_the_store_is() {
    let store = MemoryStore::default();
    store.append(append("b", [1])).await.unwrap();
    let nothing = Append { command_id: Some(command("c")), ..append("a", []) };

    let answer = store.append(nothing.clone()).await.unwrap();
    let again = store.append(nothing).await.unwrap();

    assert_eq!((answer.version, answer.position), (Version::ZERO, Position::new(1)));
    assert!(answer.positions.is_empty() && !answer.repeated && again.repeated);
}

#[tokio::test]
async fn an_append_of_nothing_still_checks_what_it_expects() {
    let store = MemoryStore::default();
    let answer = store.append(append("a", [])).await.unwrap();
    assert_eq!((answer.version, answer.position, answer.repeated), (Version::ZERO, Position::START, false));

    let wrong = Append { expected: Expected::Exists, ..append("a", []) };
    match store.append(wrong).await {
        Err(AppendError::Conflict(conflict)) => assert_eq!(
            conflict,
            Conflict { stream: stream("a"), expected: Expected::Exists, found: Version::ZERO }
        ),
        other => panic!("expected a conflict, found {other:?}"),
    }
}

#[tokio::test]
async fn a_refused_append_refuses_the_whole_call() {
    let store = MemoryStore::default();
    let late = Append { expected: Expected::Exists, ..append("b", [2]) };
    let result = store.append_all(vec![append("a", [1]), late]).await;
    assert!(matches!(result, Err(AppendError::Conflict(conflict)) if conflict.stream == stream("b")));
    assert_eq!(store.head().await.unwrap(), None);
}

#[tokio::test]
async fn a_call_was_recorded_wholly_or_not_at_all() {
    let store = MemoryStore::default();
    let both = vec![append("a", [1]), append("b", [2])];
    store.append_all(both.clone()).await.unwrap();
    assert!(store.append_all(both).await.unwrap().iter().all(|answer| answer.repeated));

    // The expectation is wrong too, but a conflict would say that nothing of this call was stored.
    let new = Append { expected: Expected::Exists, ..append("c", [3]) };
    let error = store_error(store.append_all(vec![append("a", [1]), new]).await);
    assert!(
        matches!(&error, StoreError::PartlyRecorded { stream: new, recorded: 0, sent: 1 } if *new == stream("c")),
        "{error}"
    );
}

#[tokio::test]
async fn a_retry_does_not_check_again_what_it_only_looked_at() {
    let store = MemoryStore::default();
    let only_looked_at = Append { expected: Expected::Empty, ..append("a", []) };
    let call = vec![only_looked_at, append("b", [1])];
    store.append_all(call.clone()).await.unwrap();
    store.append(append("a", [2])).await.unwrap();
    assert!(store.append_all(call).await.unwrap().iter().all(|answer| answer.repeated));
}

#[tokio::test]
async fn a_stream_is_read_from_both_ends_in_pages() {
    let store = MemoryStore::default();
    store.append(append("a", [1, 2, 3, 4, 5])).await.unwrap();
    let second_to_fourth = StreamRange::after(Version::new(1)).up_to(Version::new(4));
    for (range, expected, more) in [
        (second_to_fourth, vec![2, 3, 4], false),
        (second_to_fourth.limit(3), vec![2, 3, 4], false),
        (second_to_fourth.limit(2), vec![2, 3], true),
        (second_to_fourth.backwards().limit(2), vec![4, 3], true),
        (StreamRange::at(Version::new(5)), vec![5], false),
        (StreamRange::after(Version::new(9)), vec![], false),
        (
            StreamRange { direction: Direction::Backwards, ..StreamRange::after(Version::new(4)) },
            vec![5],
            false,
        ),
    ] {
        let page = store.read(&stream("a"), range).await.unwrap();
        let found: Vec<_> = page.events.iter().map(|row| row.version.value()).collect();
        assert_eq!((found, page.more), (expected, more), "{range:?}");
    }
}

#[tokio::test]
async fn a_page_ends_before_it_has_too_many_bytes_but_holds_an_event() {
    let store = MemoryStore::default().with_limits(
        es_core::Limits::default()
            .with_event_bytes_max(2 * PAGE_BYTES_MAX)
            .with_append_bytes_max(4 * PAGE_BYTES_MAX),
    );
    let mut large = event(1);
    large.payload = Payload::new(format!("\"{}\"", "x".repeat(PAGE_BYTES_MAX)));
    let appended = Append { events: vec![large, event(2), event(3)], ..append("a", []) };
    store.append(appended).await.unwrap();

    let first = store.read(&stream("a"), StreamRange::default()).await.unwrap();
    assert_eq!((first.events.len(), first.more), (1, true));
    let first = page_after(&store, 0).await;
    assert_eq!((first.events.len(), first.more), (1, true));
    let second = page_after(&store, 1).await;
    assert_eq!((second.events.len(), second.more), (2, false));
}

#[tokio::test]
async fn a_filter_that_nothing_passes_still_moves_the_cursor() {
    let store = MemoryStore::default();
    store.append(append("a", [1, 2])).await.unwrap();
    let nobody = Filter::default().category("nobody");
    let page = store.read_all(Position::START, &nobody, 1).await.unwrap();
    assert!(page.events.is_empty() && !page.more);
    assert_eq!(page.cursor.map(|cursor| (cursor.position.value(), cursor.event_id)), Some((2, event_id(2))));
    let behind = store.read_all(Position::new(2), &nobody, 1).await.unwrap();
    assert_eq!((behind.cursor, behind.more), (None, false));
}

#[tokio::test]
async fn a_page_of_the_log_says_exactly_whether_there_is_more() {
    let store = MemoryStore::default();
    store.append(append("a", [1, 2, 3])).await.unwrap();
    for (limit, events, more) in [(0, 1, true), (2, 2, true), (3, 3, false), (usize::MAX, 3, false)] {
        let page = store.read_all(Position::START, &Filter::default(), limit).await.unwrap();
        assert_eq!((page.events.len(), page.more), (events, more), "limit {limit}");
    }
}

#[tokio::test]
async fn a_reader_looks_at_a_bounded_number_of_rows_in_one_call() {
    let store = MemoryStore::default();
    let events = (1..=10_000).map(event).collect();
    store.append(Append { events, ..append("a", []) }).await.unwrap();
    store.append(append("b", [10_001])).await.unwrap();
    let nothing = Filter::default().name("nothing");
    let page = store.read_all(Position::START, &nothing, 1).await.unwrap();
    assert_eq!((page.cursor.unwrap().position, page.more), (Position::new(10_000), true));
    let page = store.read_all(Position::new(10_000), &nothing, 1).await.unwrap();
    assert_eq!((page.cursor.unwrap().position, page.more), (Position::new(10_001), false));
}

struct Nanoseconds;

impl Clock for Nanoseconds {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_nanos(1_234_567_899)
    }
}

#[tokio::test]
async fn events_are_recorded_at_the_stores_time_in_microseconds() {
    let store = MemoryStore::default().with_clock(Arc::new(Nanoseconds));
    let answer = store.append(append("a", [1])).await.unwrap();
    assert_eq!(answer.recorded_at, DateTime::from_timestamp_nanos(1_234_567_000));
    assert_eq!(page_after(&store, 0).await.events[0].recorded_at, answer.recorded_at);
}
