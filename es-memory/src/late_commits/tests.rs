use crate::MemoryStore;
use crate::fixtures::{append, command, page_after, positions_after, spawn, stream};
use es_core::{
    Append, AppendError, Conflict, EventStore, Expected, Position, StoreError, StreamRange, Version,
};
use std::time::Duration;

/// Lets every other task run until it waits.
async fn let_others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nobody_sees_a_held_append_while_other_streams_go_on() {
    let store = MemoryStore::default();
    store.append(append("a", [1])).await.unwrap();
    let held = store.hold_next_append();
    let late = spawn(&store, Append { command_id: Some(command("c")), ..append("b", [2]) });
    held.under_way().await;

    let other = store.append(append("c", [3])).await.unwrap();
    let_others_run().await;

    assert_eq!(other.position, Position::new(3));
    assert!(!late.is_finished());
    assert!(store.read(&stream("b"), StreamRange::default()).await.unwrap().events.is_empty());
    assert_eq!(store.read(&stream("c"), StreamRange::default()).await.unwrap().events.len(), 1);
    assert_eq!(store.answered(&command("c")).await.unwrap(), None);
    let page = page_after(&store, 0).await;
    assert_eq!((page.events.len(), page.more), (1, false));
    assert_eq!(store.head().await.unwrap(), page.cursor);

    held.release();
    assert_eq!(late.await.unwrap().unwrap().position, Position::new(2));
    assert_eq!(positions_after(&store, 1).await, [2, 3]);
    assert!(store.answered(&command("c")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_rolled_back_append_leaves_a_hole_and_an_error() {
    let store = MemoryStore::default();
    let held = store.hold_next_append();
    let late = spawn(&store, append("a", [1, 2]));
    held.under_way().await;
    store.append(append("b", [3])).await.unwrap();
    held.roll_back();

    let error = late.await.unwrap().unwrap_err();
    assert!(matches!(&error, AppendError::Store(error) if error.is_transient()), "{error}");
    assert_eq!(positions_after(&store, 0).await, [3]);

    let retried = store.append(append("a", [1, 2])).await.unwrap();
    assert_eq!((retried.position, retried.repeated), (Position::new(5), false));
}

#[tokio::test]
async fn readers_are_woken_when_what_held_them_is_rolled_back() {
    let store = MemoryStore::default();
    let held = store.hold_next_append();
    let late = spawn(&store, append("a", [1]));
    held.under_way().await;
    store.append(append("b", [2])).await.unwrap();
    let mut wake_ups = store.wake_ups();
    drop(held);
    tokio::time::timeout(Duration::from_secs(60), wake_ups.changed_or(Duration::MAX)).await.unwrap();
    assert_eq!(positions_after(&store, 0).await, [2]);
    assert!(late.await.unwrap().is_err());
}

/// Reads page after page while the append of position 1 commits behind that of position 2.
async fn what_a_reader_is_given(store: &MemoryStore, reader: &MemoryStore) -> Vec<u64> {
    let held = store.hold_next_append();
    let late = spawn(store, append("a", [1]));
    held.under_way().await;
    store.append(append("b", [2])).await.unwrap();
    let first = page_after(reader, 0).await;
    held.release();
    late.await.unwrap().unwrap();
    let after = first.cursor.map_or(0, |cursor| cursor.position.value());
    let first = first.events.iter().map(|row| row.position.value());
    first.chain(positions_after(reader, after).await).collect()
}

#[tokio::test]
async fn a_reader_is_given_what_commits_late() {
    let store = MemoryStore::default();
    assert_eq!(what_a_reader_is_given(&store, &store).await, [1, 2]);
}

#[tokio::test]
async fn the_broken_twin_skips_what_commits_late() {
    let store = MemoryStore::default();
    assert_eq!(what_a_reader_is_given(&store, &store.without_settled_prefix()).await, [2]);
}

#[tokio::test]
async fn an_append_to_the_same_stream_waits_and_is_decided_then() {
    for (committed, found) in [(true, Version::new(1)), (false, Version::ZERO)] {
        let store = MemoryStore::default();
        let held = store.hold_next_append();
        let first = spawn(&store, append("a", [1]));
        held.under_way().await;
        let second = spawn(&store, Append { expected: Expected::Exactly(found), ..append("a", [2]) });
        let loser =
            spawn(&store, Append { expected: Expected::Exactly(Version::new(7)), ..append("a", [3]) });
        let_others_run().await;
        assert!(!second.is_finished() && !loser.is_finished());

        if committed {
            held.release()
        } else {
            held.roll_back()
        }

        assert_eq!(first.await.unwrap().is_ok(), committed);
        let second = second.await.unwrap().unwrap();
        assert_eq!((second.version, second.position), (found.plus(1), Position::new(2)));
        assert!(matches!(loser.await.unwrap(), Err(AppendError::Conflict(Conflict { .. }))));
    }
}

#[tokio::test]
async fn the_same_event_id_or_command_id_waits_and_is_decided_then() {
    let store = MemoryStore::default();
    let held = store.hold_next_append();
    let with_command = |append| Append { command_id: Some(command("c")), ..append };
    let first = spawn(&store, with_command(append("a", [1])));
    held.under_way().await;
    let same_event = spawn(&store, append("b", [1]));
    let same_command = spawn(&store, with_command(append("c", [2])));
    let retried = spawn(&store, with_command(append("a", [1])));
    let_others_run().await;
    assert!(!same_event.is_finished() && !same_command.is_finished() && !retried.is_finished());

    held.release();

    assert!(!first.await.unwrap().unwrap().repeated && retried.await.unwrap().unwrap().repeated);
    let error = same_event.await.unwrap().unwrap_err();
    assert!(matches!(error, AppendError::Store(StoreError::EventIdTaken { .. })), "{error}");
    let error = same_command.await.unwrap().unwrap_err();
    assert!(matches!(error, AppendError::Store(StoreError::CommandIdTaken { .. })), "{error}");
}

#[tokio::test]
async fn an_append_whose_caller_is_gone_commits_all_the_same() {
    let store = MemoryStore::default();
    let held = store.hold_next_append();
    let late = spawn(&store, append("a", [1]));
    held.under_way().await;
    late.abort();
    assert!(late.await.unwrap_err().is_cancelled());
    held.release();
    assert_eq!(positions_after(&store, 0).await, [1]);
}

#[tokio::test]
async fn only_an_append_that_brings_events_is_held_and_holds_come_in_line() {
    let store = MemoryStore::default();
    store.append(append("a", [1])).await.unwrap();
    let (unused, first, second) =
        (store.hold_next_append(), store.hold_next_append(), store.hold_next_append());
    unused.release();
    assert!(store.append(append("a", [1])).await.unwrap().repeated);
    store.append(Append { command_id: Some(command("c")), ..append("a", []) }).await.unwrap();
    let b = spawn(&store, append("b", [2]));
    first.under_way().await;
    let c = spawn(&store, append("c", [3]));
    second.under_way().await;

    second.release();
    assert_eq!(c.await.unwrap().unwrap().position, Position::new(3));
    assert_eq!(positions_after(&store, 1).await, [0; 0]);
    first.release();
    b.await.unwrap().unwrap();
    assert_eq!(positions_after(&store, 1).await, [2, 3]);
}

/// Follows the log while 8 writers append 50 events each, and gives the positions it was given.
async fn follow(store: &MemoryStore, reader: &MemoryStore) -> Vec<u64> {
    let writers: Vec<_> = (0..8_u128)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for nth in 0..50 {
                    // Four streams: every writer meets another one in its stream.
                    let key = (writer % 4).to_string();
                    store.append(append(&key, [writer * 1000 + nth])).await.unwrap();
                }
            })
        })
        .collect();
    let mut given = Vec::new();
    loop {
        let finished = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let positions = positions_after(reader, given.last().copied().unwrap_or(0)).await;
        if finished && positions.is_empty() {
            return given;
        }
        given.extend(positions);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn late_commits_lose_nothing_and_keep_every_stream_in_order() {
    let store = MemoryStore::default().with_late_commits(7);
    let given = follow(&store, &store).await;
    assert_eq!(given.len(), 400);
    assert!(given.is_sorted() && *given.last().unwrap() > 400, "positions have gaps");
    for key in ["0", "1", "2", "3"] {
        let page = store.read(&stream(key), StreamRange::default()).await.unwrap();
        assert_eq!(page.events.len(), 100);
        assert!(page.events.is_sorted_by_key(|row| row.position));
    }
}

#[tokio::test]
async fn late_commits_make_the_broken_twin_lose_events() {
    let store = MemoryStore::default().with_late_commits(7);
    assert!(follow(&store, &store.without_settled_prefix()).await.len() < 400);
}

#[tokio::test]
async fn a_late_append_whose_caller_is_gone_holds_nobody_back() {
    let store = MemoryStore::default().with_late_commits(1);
    let tasks: Vec<_> = (0..20).map(|nth| spawn(&store, append(&nth.to_string(), [nth]))).collect();
    tokio::task::yield_now().await;
    for task in &tasks {
        task.abort();
    }
    let_others_run().await;
    let last = store.append(append("last", [99])).await.unwrap();
    assert_eq!(store.head().await.unwrap().unwrap().position, last.position);
}
