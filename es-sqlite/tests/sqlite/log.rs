//! Appends and reads of one store.

use super::common::*;
use es_core::*;
use es_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test]
async fn what_was_appended_is_read_as_it_was() {
    let store = SqliteStore::in_memory().await.unwrap();
    let id = Uuid::now_v7();
    let metadata = Metadata::new()
        .by("alice")
        .correlated(id)
        .caused_by(id)
        .with("tenant", "blue\u{e9}")
        .occurred(chrono::DateTime::from_timestamp_micros(-1).unwrap());
    let payload = r#"{"z":"\u0000","a":1e400,"a":-0.0}"#.replace("1e400", "18446744073709551616");
    let new = NewEvent { metadata, schema_version: 7, ..event("account.opened", &payload) };
    let appended = store.append(Append::new(stream("a"), Expected::Empty, vec![new.clone()])).await.unwrap();

    let page = store.read(&stream("a"), StreamRange::default()).await.unwrap();
    let [recorded] = &page.events[..] else { panic!("{page:?}") };
    assert_eq!(recorded.data, new.payload);
    assert_eq!(recorded.metadata, new.metadata);
    assert_eq!((recorded.event_id, recorded.name.as_ref()), (new.event_id, "account.opened"));
    assert_eq!((recorded.version, recorded.schema_version), (Version::new(1), 7));
    assert_eq!(recorded.position, appended.position);
    assert_eq!(recorded.recorded_at, appended.recorded_at);
    assert!(!page.more);
    let log = store.read_all(Position::START, &Filter::default(), 10).await.unwrap();
    assert_eq!(log.events, page.events);
    assert_eq!(log.cursor, store.head().await.unwrap());
}

#[tokio::test]
async fn calls_that_are_committed_together_have_outcomes_of_their_own() {
    let store = SqliteStore::in_memory().await.unwrap();
    let calls = (0..200).map(|number| {
        let key = format!("{}", number % 50);
        let store = store.clone();
        async move { store.append(append(&key, Expected::Empty, 3)).await }
    });
    let answers = futures::future::join_all(calls).await;
    let written = answers.iter().filter(|answer| answer.is_ok()).count();
    let conflicts = answers.iter().filter(|answer| matches!(answer, Err(AppendError::Conflict(_)))).count();
    assert_eq!((written, conflicts), (50, 150));
    let log = store.read_all(Position::START, &Filter::default(), 1_000).await.unwrap();
    let positions: Vec<_> = log.events.iter().map(|event| event.position.value()).collect();
    assert_eq!(positions, (1..=150).collect::<Vec<_>>());
}

#[tokio::test]
async fn appends_of_every_size_are_stored_whole() {
    let store = SqliteStore::in_memory().await.unwrap();
    let mut version = Version::ZERO;
    for count in [1, 2, 3, 5, 255, 256, 257, 300, 1_023] {
        let appended = store.append(append("a", Expected::Exactly(version), count)).await.unwrap();
        assert_eq!(appended.positions.len(), count);
        version = version.plus(count as u64);
        assert_eq!(appended.version, version);
    }
    let page = store.read(&stream("a"), StreamRange::default()).await.unwrap();
    assert!(page.events.iter().map(|event| event.version.value()).eq(1..=version.value()));
}

#[tokio::test]
async fn a_retry_and_a_repeated_command_are_answered_as_before() {
    let store = SqliteStore::in_memory().await.unwrap();
    let first = append("a", Expected::Empty, 3);
    let answer = store.append(first.clone()).await.unwrap();
    assert_eq!(store.append(first.clone()).await.unwrap(), Appended { repeated: true, ..answer });

    let part = Append { events: first.events[1..].to_vec(), ..append("b", Expected::Any, 0) };
    assert!(
        matches!(store_error(store.append(part).await), StoreError::EventIdTaken { stream: s, .. } if s == stream("a"))
    );
    let more = Append { events: [&first.events[..], &events(1)].concat(), ..first };
    let error = store_error(store.append(more).await);
    assert!(matches!(error, StoreError::PartlyRecorded { recorded: 3, sent: 4, .. }), "{error}");

    let answer = store.append(command("a", "c\"'", 2)).await.unwrap();
    let again = store.append(command("a", "c\"'", 1)).await.unwrap();
    assert_eq!(again, Appended { repeated: true, ..answer });
    let answered = store.answered(&CommandId::new("c\"'").unwrap()).await.unwrap();
    assert_eq!(answered, Some((stream("a"), again)));
    assert!(matches!(
        store_error(store.append(command("b", "c\"'", 1)).await),
        StoreError::CommandIdTaken { .. }
    ));

    let nothing = store.append(command("b", "nothing", 0)).await.unwrap();
    assert_eq!((nothing.version, nothing.position), (Version::ZERO, Position::new(5)));
    assert!(store.append(command("b", "nothing", 4)).await.unwrap().repeated);
    assert_eq!(store.answered(&CommandId::new("other").unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn several_streams_are_appended_to_together_or_not_at_all() {
    let store = SqliteStore::in_memory().await.unwrap();
    store.append_all(vec![append("a", Expected::Empty, 1), append("b", Expected::Empty, 2)]).await.unwrap();
    let refused =
        store.append_all(vec![append("c", Expected::Empty, 1), append("a", Expected::Empty, 1)]).await;
    assert!(matches!(refused, Err(AppendError::Conflict(conflict)) if conflict.stream == stream("a")));
    assert_eq!(store.head().await.unwrap().unwrap().position, Position::new(3));
    assert_eq!(store.append_all(vec![]).await.unwrap(), []);
}

#[tokio::test]
async fn pages_end_at_their_limit_and_say_whether_there_is_more() {
    let store = SqliteStore::in_memory().await.unwrap();
    store.append(append("a", Expected::Any, 10)).await.unwrap();
    let read = async |range| {
        let page = store.read(&stream("a"), range).await.unwrap();
        (page.events.iter().map(|event| event.version.value()).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(read(StreamRange::after(Version::new(7))).await, (vec![8, 9, 10], false));
    assert_eq!(read(StreamRange::after(Version::new(7)).limit(3)).await, (vec![8, 9, 10], false));
    assert_eq!(read(StreamRange::default().limit(2)).await, (vec![1, 2], true));
    assert_eq!(read(StreamRange::default().backwards().limit(2)).await, (vec![10, 9], true));
    assert_eq!(read(StreamRange::at(Version::new(4))).await, (vec![4], false));
    assert_eq!(read(StreamRange::after(Version::new(u64::MAX))).await, (vec![], false));
    assert_eq!(read(StreamRange::default().limit(0)).await, (vec![1], true));

    let page = store.read_all(Position::new(8), &Filter::default(), 2).await.unwrap();
    assert_eq!((page.events.len(), page.more), (2, false));
    let page = store.read_all(Position::new(7), &Filter::default(), 2).await.unwrap();
    assert_eq!((page.cursor.unwrap().position, page.more), (Position::new(9), true));
    let page = store.read_all(Position::new(10), &Filter::default(), 2).await.unwrap();
    assert_eq!((page.cursor, page.more), (None, false));
    assert!(store.read_all(Position::new(u64::MAX), &Filter::default(), 2).await.is_err());
}

#[tokio::test]
async fn a_page_of_large_events_ends_early() {
    let store = SqliteStore::in_memory().await.unwrap();
    let large = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..12 {
        let append = Append::new(stream("a"), Expected::Any, vec![event("account.noted", &large)]);
        store.append(append).await.unwrap();
    }
    let page = store.read(&stream("a"), StreamRange::default()).await.unwrap();
    assert_eq!((page.events.len(), page.more), (8, true));
    let filter = Filter::default().category("account");
    let first = store.read_all(Position::START, &filter, 100).await.unwrap();
    assert_eq!((first.events.len(), first.more), (8, true));
    let rest = store.read_all(first.cursor.unwrap().position, &filter, 100).await.unwrap();
    assert_eq!((rest.events.len(), rest.more), (4, false));
}

#[tokio::test]
async fn a_filter_lets_through_what_it_wants_and_moves_on_over_the_rest() {
    let store = SqliteStore::in_memory().await.unwrap();
    let names = ["account.opened", "account.closed", "audit.logged", "auditor.named"];
    for number in 0..400 {
        let category = ["account", "account_old"][number % 2];
        let stream = StreamId::new(category, number % 8).unwrap();
        let append = Append::new(stream, Expected::Any, vec![event(names[number / 2 % 4], "{}")]);
        store.append(append).await.unwrap();
    }
    let everything = store.read_all(Position::START, &Filter::default(), 1_000).await.unwrap().events;
    let mut many = Filter::default().category("account");
    for number in 0..100 {
        many = many.name(format!("account.n{number}"));
    }
    let filters = [
        Filter::default().category("account"),
        Filter::default().name("account.opened"),
        Filter::default().name("account.opened").names_under("audit"),
        Filter::default().category("account").category("account_old").names_under("account"),
        Filter::default().category("a*").name("?"),
        Filter::default().name("nothing"),
        many.clone().name("audit.logged"),
        many,
    ];
    for filter in filters {
        let wanted: Vec<_> =
            everything.iter().filter(|event| filter.wants(&event.stream, &event.name)).cloned().collect();
        let (mut found, mut after) = (Vec::new(), Position::START);
        loop {
            let page = store.read_all(after, &filter, 7).await.unwrap();
            found.extend(page.events);
            after = page.cursor.unwrap().position;
            if !page.more {
                break;
            }
        }
        assert_eq!(found, wanted, "{filter:?}");
        assert_eq!(after, Position::new(400));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_that_are_cancelled_leave_the_store_healthy() {
    let store = SqliteStore::in_memory().await.unwrap();
    let tasks: Vec<_> = (0..1_000)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let key = format!("{}", number % 10);
                let wait = tokio::time::timeout(std::time::Duration::from_micros(number % 300), async {
                    store.append(append(&key, Expected::Any, 2)).await.unwrap();
                    store.read(&stream(&key), StreamRange::default()).await.unwrap();
                });
                // Whether it was in time does not matter.
                let _ = wait.await;
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        if number % 3 == 0 {
            task.abort();
        }
        if let Err(error) = task.await {
            assert!(error.is_cancelled(), "{error}");
        }
    }
    store.append(append("last", Expected::Empty, 1)).await.unwrap();
    let log = store.read_all(Position::START, &Filter::default(), 10_000).await.unwrap();
    assert!(log.events.iter().map(|event| event.position.value()).eq(1..=log.events.len() as u64));
    for key in 0..10 {
        let page = store.read(&stream(&key.to_string()), StreamRange::default()).await.unwrap();
        assert!(page.events.iter().map(|event| event.version.value()).eq(1..=page.events.len() as u64));
    }
}

#[tokio::test]
async fn an_append_above_the_limits_is_refused_before_it_is_queued() {
    let (_directory, path) = file();
    let limits = Limits::default().with_append_events_max(2);
    let store = SqliteOptions::new(path).limits(limits).open().await.unwrap();
    let error = store_error(store.append(append("a", Expected::Any, 3)).await);
    assert!(matches!(error, StoreError::Limit(_)), "{error}");
}

#[tokio::test]
async fn the_clock_is_cut_to_microseconds_and_wakes_come_with_events() {
    struct Frozen;
    impl Clock for Frozen {
        fn now(&self) -> chrono::DateTime<chrono::Utc> {
            chrono::DateTime::from_timestamp(1_000, 123_456_789).unwrap()
        }
    }
    let (_directory, path) = file();
    let store = SqliteOptions::new(path).clock(Arc::new(Frozen)).open().await.unwrap();
    let mut wake_ups = store.wake_ups();
    let appended = store.append(append("a", Expected::Any, 1)).await.unwrap();
    assert_eq!(appended.recorded_at.timestamp_subsec_nanos(), 123_456_000);
    wake_ups.changed_or(std::time::Duration::from_secs(3_600)).await;
}
