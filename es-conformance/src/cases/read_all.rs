//! Reading the whole log: every event once, in order, whatever else is going on.

use crate::fixtures::{
    append, appended, assert_whole, event, events, filtered_log, ids, instance, new_ids, promised, store,
    stream, whole_log, whole_stream,
};
use crate::{Subject, wait};
use es_core::{
    Append, AppendError, Cursor, EventId, EventStore, Expected, Filter, Position, Recorded, Store, Version,
};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub async fn the_log_is_read_in_pages_without_gap_or_repeat(subject: &dyn Subject) {
    let store = store(subject).await;
    let mut sent = Vec::new();
    for round in 0..11 {
        let append = append(["a", "b", "c"][round % 3], round);
        sent.extend(new_ids(&append.events));
        appended(&store, append).await;
    }
    for limit in [1, 2, 7, 54, 55, 56, 1_000] {
        let log = filtered_log(&store, &Filter::default(), limit).await;
        assert_eq!(ids(&log), sent, "in pages of {limit}");
    }
    let none = store.read_all(Position::START, &Filter::default(), 0).await.unwrap();
    assert_eq!((none.events.len(), none.more), (1, true), "every page leads on");
    let log = whole_log(&store).await;
    let middle = log[20].position;
    let page = store.read_all(middle, &Filter::default(), 1_000).await.unwrap();
    assert_eq!(ids(&page.events), sent[21..]);
    assert_whole(&store).await;
}

pub async fn the_head_is_the_last_row(subject: &dyn Subject) {
    let store = store(subject).await;
    assert_eq!(store.head().await.unwrap(), None);
    let page = store.read_all(Position::START, &Filter::default(), 10).await.unwrap();
    assert!(page.events.is_empty() && page.cursor.is_none() && !page.more);
    for count in [1, 3, 2] {
        let append = append("a", count);
        let answer = appended(&store, append.clone()).await;
        let head = store.head().await.unwrap().unwrap();
        assert_eq!((head.position, head.event_id), (answer.position, append.events[count - 1].event_id));
    }
    let head = store.head().await.unwrap().unwrap().position;
    for beyond in [head, Position::new(head.value() + 1), Position::new(head.value() + 1_000_000)] {
        let page = store.read_all(beyond, &Filter::default(), 10).await.unwrap();
        assert!(page.events.is_empty() && !page.more, "behind {beyond}");
        assert_eq!(page.cursor, None, "a cursor is a row that was read");
    }
}

/// Reads page by page, asserting that every cursor is a row of the log.
async fn assert_cursors_are_rows(store: &Arc<dyn Store>, filter: &Filter, limit: usize) -> Option<Cursor> {
    let rows = whole_log(store).await;
    let (mut after, mut last) = (Position::START, None);
    loop {
        let page = store.read_all(after, filter, limit).await.unwrap();
        let Some(cursor) = page.cursor else { return last };
        let row = rows.iter().find(|row| row.position == cursor.position);
        let found = row.map(|row| row.event_id);
        assert_eq!(found, Some(cursor.event_id), "the cursor at {} is a row that was read", cursor.position);
        if let Some(event) = page.events.last() {
            assert!(cursor.position >= event.position, "the cursor is behind the events of its page");
        }
        (after, last) = (cursor.position, Some(cursor));
        if !page.more {
            return last;
        }
    }
}

pub async fn a_cursor_is_a_row_that_was_read(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    for round in 0..12 {
        appended(&store, append(["a", "b"][round % 2], 1 + round % 3)).await;
        // A refused append may draw positions that nobody uses.
        let refused = Append::new(stream("a"), Expected::Empty, events(3));
        assert!(store.append(refused).await.is_err() || round == 0);
    }
    let nothing = Filter::default().category("nobody");
    for filter in [Filter::default(), Filter::default().name("account.none"), nothing] {
        for limit in [1, 4, 100] {
            let last = assert_cursors_are_rows(&store, &filter, limit).await;
            assert_eq!(last, store.head().await.unwrap(), "a reader gets to the head: {filter:?}");
        }
    }
}

pub async fn an_append_that_is_rolled_back_leaves_nothing_to_wait_for(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    appended(&store, append("a", 1)).await;
    let held = promised(instance.hold_next_append().await);
    let doomed = tokio::spawn({
        let (store, append) = (store.clone(), append("b", 2));
        async move { store.append(append).await }
    });
    held.under_way().await;
    appended(&store, append("c", 1)).await;
    held.roll_back().await;
    let outcome = doomed.await.unwrap();
    assert!(matches!(outcome, Err(AppendError::Store(_))), "{outcome:?}");
    assert!(whole_stream(&store, &stream("b")).await.is_empty(), "a refused append stores nothing");
    wait::until("readers go on over the hole", async || whole_log(&store).await.len() == 2).await;
    assert_cursors_are_rows(&store, &Filter::default(), 1).await;
    appended(&store, append("b", 1)).await;
    assert_eq!(whole_log(&store).await.len(), 3);
    assert_whole(&store).await;
}

pub async fn an_append_that_commits_late_is_not_skipped(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    for before in [0, 1_u32] {
        let held = promised(instance.hold_next_append().await);
        let late = append(&format!("late-{before}"), 2);
        let late_ids = new_ids(&late.events);
        let under_way = tokio::spawn({
            let store = store.clone();
            async move { store.append(late).await.unwrap() }
        });
        held.under_way().await;
        let early = appended(&store, Append { stream: early_stream(before), ..append("early", 1) }).await;
        let nothing = appended(&store, Append::new(early_stream(before), Expected::Any, Vec::new())).await;
        assert!(nothing.position >= early.position, "a reader there has seen what was decided on");
        let cursor = store.head().await.unwrap().map_or(Position::START, |head| head.position);
        let seen = whole_log(&store).await;
        assert!(seen.iter().all(|event| event.position <= cursor));
        held.commit().await;
        let answer = under_way.await.unwrap();
        let end = early.position.max(answer.position);
        wait::until("both are there", async || reaches(&store, end).await).await;
        let then = store.read_all(cursor, &Filter::default(), 100).await.unwrap().events;
        let read: Vec<EventId> = ids(seen.iter().chain(&then));
        assert!(late_ids.iter().all(|id| read.contains(id)), "the append at {} was skipped", answer.position);
        let all = whole_log(&store).await;
        assert_eq!(
            read,
            ids(&all),
            "a reader that goes on from its cursor reads what one from the start reads"
        );
    }
    assert_whole(&store).await;
}

fn early_stream(round: u32) -> es_core::StreamId {
    stream(&format!("early-{round}"))
}

async fn reaches(store: &Arc<dyn Store>, position: Position) -> bool {
    store.head().await.unwrap().is_some_and(|head| head.position >= position)
}

/// Appends by one writer beside others.
async fn write(store: Arc<dyn Store>, writer: usize, appends: usize) {
    for round in 0..appends {
        let own = format!("writer-{writer}");
        let keys = if round % 4 == 0 { vec![own, format!("shared-{}", round % 3)] } else { vec![own] };
        let appends = keys.iter().map(|key| append(key, 1 + round % 3)).collect();
        store.append_all(appends).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Reads on from its own cursor until `done`, and then to the end.
async fn follow(store: Arc<dyn Store>, limit: usize, done: Arc<AtomicBool>) -> Vec<EventId> {
    let (mut after, mut read) = (Position::START, Vec::new());
    loop {
        let last = done.load(Ordering::SeqCst);
        let page = store.read_all(after, &Filter::default(), limit).await.unwrap();
        read.extend(ids(&page.events));
        if let Some(cursor) = page.cursor {
            after = cursor.position;
        } else if last {
            return read;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn readers_beside_8_writers_miss_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        [1, 3, 100].map(|limit| tokio::spawn(follow(store.clone(), limit, done.clone()))).into();
    let writers = (0..8).map(|writer| tokio::spawn(write(store.clone(), writer, 20)));
    join_all(writers).await.into_iter().for_each(|outcome| outcome.unwrap());
    done.store(true, Ordering::SeqCst);
    let all = ids(&whole_log(&store).await);
    for read in join_all(readers).await {
        let read = read.unwrap();
        assert_eq!(read.len(), all.len(), "a reader that goes on from its cursor misses nothing");
        assert_eq!(read, all);
    }
    assert_whole(&store).await;
}

pub async fn readers_are_woken_when_the_log_grows(subject: &dyn Subject) {
    let store = store(subject).await;
    let mut wake_ups = store.wake_ups();
    let mut second = store.wake_ups();
    for round in 0..3 {
        appended(&store, append("a", 1)).await;
        // Far longer than the case may take: only a wake-up ends the wait.
        let woken = async {
            wake_ups.changed_or(Duration::from_secs(3_600)).await;
            second.changed_or(Duration::from_secs(3_600)).await;
        };
        let woken = tokio::time::timeout(Duration::from_secs(5), woken).await;
        assert!(woken.is_ok(), "nobody was woken after append {round}");
    }
}

pub async fn pj_17_a_large_backlog_is_read_in_bounded_pages(subject: &dyn Subject) {
    let store = store(subject).await;
    let large = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..3 {
        let events = (0..6).map(|_| event("account.changed", large.clone())).collect();
        appended(&store, Append::new(stream("large"), Expected::Any, events)).await;
    }
    let page = store.read_all(Position::START, &Filter::default(), 1_000).await.unwrap();
    let bytes: usize = page.events.iter().map(|event| event.data.as_bytes().len()).sum();
    assert!(bytes <= es_core::PAGE_BYTES_MAX + large.len(), "a page has {bytes} bytes");
    assert!(page.more && !page.events.is_empty(), "a page that ends by its bytes leads on");
    assert_eq!(whole_log(&store).await.len(), 18);
    assert_eq!(whole_stream(&store, &stream("large")).await.len(), 18);
    for _ in 0..3 {
        appended(&store, append("small", 4_000)).await;
    }
    let page = store.read_all(Position::START, &Filter::default(), usize::MAX).await.unwrap();
    assert!(page.events.len() <= es_core::PAGE_EVENTS_MAX);
    let range = es_core::StreamRange { limit: usize::MAX, ..Default::default() };
    let page = store.read(&stream("small"), range).await.unwrap();
    assert!(page.events.len() <= es_core::PAGE_EVENTS_MAX && page.more);
    assert_eq!(whole_stream(&store, &stream("small")).await.len(), 12_000);
}

pub async fn a_reader_goes_on_from_every_row(subject: &dyn Subject) {
    let store = store(subject).await;
    for count in 1..6 {
        appended(&store, append(["a", "b"][count % 2], count)).await;
    }
    let all = whole_log(&store).await;
    for (index, event) in all.iter().enumerate() {
        let page = store.read_all(event.position, &Filter::default(), 4).await.unwrap();
        let expected = &all[index + 1..all.len().min(index + 5)];
        assert_eq!(page.events, expected, "behind {}", event.position);
        assert_eq!(page.more, all.len() > index + 5, "behind {}", event.position);
    }
}

pub async fn a_page_that_is_full_to_the_byte_leads_on(subject: &dyn Subject) {
    let eighth = format!("\"{}\"", "x".repeat(es_core::PAGE_BYTES_MAX / 8 - 2));
    let store = store(subject).await;
    for (key, more) in [("exact", 1), ("beyond", 3)] {
        let payloads = std::iter::repeat_n(eighth.clone(), 8).chain((0..more).map(|_| "0".to_owned()));
        let events: Vec<_> = payloads.map(|payload| event("account.changed", payload)).collect();
        for events in events.chunks(4) {
            appended(&store, Append::new(stream(key), Expected::Any, events.to_vec())).await;
        }
        assert_eq!(whole_stream(&store, &stream(key)).await.len(), 8 + more, "{key}");
        let page = store.read(&stream(key), Default::default()).await.unwrap();
        assert_eq!((page.events.len(), page.more), (8, true), "{key}");
    }
    let filter = Filter::default().name("account.changed");
    for filter in [Filter::default(), filter] {
        let page = store.read_all(Position::START, &filter, usize::MAX).await.unwrap();
        assert_eq!((page.events.len(), page.more), (8, true), "{filter:?}");
    }
    assert_eq!(whole_log(&store).await.len(), 9 + 11);
}

pub async fn the_event_at_a_position_is_found_by_it(subject: &dyn Subject) {
    let store = store(subject).await;
    assert_eq!(store.event_id_at(Position::new(1)).await.unwrap(), None);
    for key in ["a", "b", "a"] {
        appended(&store, append(key, 2)).await;
    }
    let all = whole_log(&store).await;
    for event in &all {
        assert_eq!(store.event_id_at(event.position).await.unwrap(), Some(event.event_id));
    }
    for position in [Position::START, Position::new(all[5].position.value() + 1)] {
        assert_eq!(store.event_id_at(position).await.unwrap(), None, "{position}");
    }
}

pub async fn the_predecessors_of_events_are_those_of_their_streams(subject: &dyn Subject) {
    let store = store(subject).await;
    for key in ["a", "b", "a", "c-1", "b"] {
        appended(&store, append(key, 3)).await;
    }
    let all = whole_log(&store).await;
    let asked: Vec<_> = all.iter().rev().chain([&all[4]]).collect();
    let found = store.predecessors(&asked).await.unwrap();
    let before: Vec<_> = asked.iter().map(|event| event.version.minus(1)).collect();
    assert_eq!(found, before);
    assert_eq!(store.predecessors(&[]).await.unwrap(), []);
    let unknown = Recorded { stream: stream("nobody"), version: Version::new(7), ..all[0].clone() };
    // A version that stands behind the event's position is not before it.
    let late = Recorded { version: Version::new(9), position: all[3].position, ..all[0].clone() };
    let position = Position::new(all[14].position.value() + 1);
    let earlier = Recorded { version: Version::new(9), position, ..all[14].clone() };
    let found = store.predecessors(&[&unknown, &late, &earlier]).await.unwrap();
    assert_eq!(found, [Version::ZERO, Version::ZERO, Version::new(6)]);
}
