//! Appends: whole, in order, and durable.

use crate::fixtures::{
    append, appended, assert_whole, events, ids, instance, new_ids, promised, store, stream, whole_log,
    whole_stream,
};
use crate::{Settings, Subject, wait};
use es_core::{
    Append, AppendError, EventId, EventStore, Expected, Filter, Position, Store, StoreError, StreamRange,
    Version,
};
use futures::future::join_all;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How many appends are cut off while they are under way.
const CANCELLED: usize = 2_000;

pub async fn an_append_is_answered_with_its_version_and_its_positions(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = appended(&store, append("a", 3)).await;
    assert_eq!((first.version, first.positions.len(), first.repeated), (Version::new(3), 3, false));
    assert_eq!(first.positions.last(), Some(&first.position));
    assert!(first.positions[0] > Position::START && first.positions.is_sorted_by(|a, b| a < b));
    let second = appended(&store, append("a", 2)).await;
    assert_eq!(second.version, Version::new(5));
    assert!(second.positions[0] > first.position);
    let stored = whole_stream(&store, &stream("a")).await;
    let positions: Vec<_> = stored.iter().map(|event| event.position).collect();
    assert_eq!(positions, [first.positions, second.positions].concat());
    assert!(stored[..3].iter().all(|event| event.recorded_at == first.recorded_at));
}

pub async fn an_append_without_events_stores_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let nothing = Append::new(stream("a"), Expected::Any, Vec::new());
    let answer = appended(&store, nothing.clone()).await;
    assert_eq!((answer.version, answer.position), (Version::ZERO, Position::START));
    let first = appended(&store, append("a", 2)).await;
    let answer = appended(&store, nothing.clone()).await;
    assert_eq!((answer.version, answer.position), (first.version, first.position));
    assert!(answer.positions.is_empty() && !answer.repeated);
    let unexpected = Append { expected: Expected::Empty, ..nothing };
    assert!(matches!(store.append(unexpected).await, Err(AppendError::Conflict(_))));
    assert_eq!(whole_log(&store).await.len(), 2);
}

pub async fn st_15_of_32_racers_one_wins_and_31_conflict(subject: &dyn Subject) {
    let store = store(subject).await;
    for round in 0..5 {
        let version = Version::new(round);
        let racers = (0..32).map(|_| {
            let store = store.clone();
            let append = Append::new(stream("a"), Expected::Exactly(version), events(1));
            tokio::spawn(async move { store.append(append).await })
        });
        let (mut won, mut lost) = (0, 0);
        for outcome in join_all(racers).await {
            match outcome.unwrap() {
                Ok(_) => won += 1,
                Err(AppendError::Conflict(conflict)) => {
                    assert_eq!(conflict.found, version.plus(1));
                    lost += 1;
                }
                Err(AppendError::Store(error)) => panic!("a lost race is a conflict, found {error:?}"),
            }
        }
        assert_eq!((won, lost), (1, 31));
    }
    assert_whole(&store).await;
    assert_eq!(whole_log(&store).await.len(), 5);
}

pub async fn events_of_one_append_appear_together(subject: &dyn Subject) {
    let store = store(subject).await;
    let mut writer = Box::pin(async {
        for _ in 0..40 {
            let appends = ["a", "b", "c"].map(|key| append(key, 7)).into();
            store.append_all(appends).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    loop {
        let done = futures::poll!(&mut writer).is_ready();
        // A page of the log may end within an append, but who sees one event of it finds all of them in their streams.
        let in_log = whole_log(&store).await.len();
        let begun = in_log.div_ceil(21);
        for key in ["a", "b", "c"] {
            let found = whole_stream(&store, &stream(key)).await.len();
            assert_eq!(found % 7, 0, "half an append was seen: {found} events in {key}");
            assert!(found >= begun * 7, "half an append was seen: {in_log} events, but {found} in {key}");
        }
        if done {
            assert_eq!(in_log, 40 * 21);
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn appends_to_several_streams_are_stored_all_or_none(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, append("b", 1)).await;
    let conflicting = vec![
        Append::new(stream("a"), Expected::Empty, events(2)),
        Append::new(stream("b"), Expected::Empty, events(1)),
        append("c", 1),
    ];
    match store.append_all(conflicting.clone()).await {
        Err(AppendError::Conflict(conflict)) => {
            assert_eq!((conflict.stream, conflict.found), (stream("b"), Version::new(1)));
        }
        other => panic!("the second append conflicts, found {other:?}"),
    }
    assert_eq!(whole_log(&store).await.len(), 1, "the first append is not stored without the second");
    let mut fitting = conflicting;
    fitting[1].expected = Expected::Exists;
    let answers = store.append_all(fitting).await.unwrap();
    let versions: Vec<_> = answers.iter().map(|answer| answer.version.value()).collect();
    assert_eq!(versions, [2, 2, 1], "one answer for each append, in order");
    assert_whole(&store).await;
}

pub async fn one_call_appends_to_a_stream_once(subject: &dyn Subject) {
    let store = store(subject).await;
    let outcome = store.append_all(vec![append("a", 1), append("b", 1), append("a", 1)]).await;
    assert!(
        matches!(&outcome, Err(AppendError::Store(StoreError::StreamTwice { stream: twice })) if *twice == stream("a")),
        "{outcome:?}"
    );
    assert!(whole_log(&store).await.is_empty());
    assert!(store.append_all(Vec::new()).await.unwrap().is_empty(), "nothing asked is nothing answered");
}

pub async fn what_was_acknowledged_comes_before_what_begins_later(subject: &dyn Subject) {
    let store = store(subject).await;
    let background = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..30 {
                appended(&store, append(&format!("background-{writer}"), 2)).await;
            }
        })
    });
    let background: Vec<_> = background.collect();
    let mut last = Position::START;
    for round in 0..60 {
        let answer = appended(&store, append(if round % 2 == 0 { "a" } else { "b" }, 1)).await;
        assert!(answer.position > last, "{} was acknowledged before {} began", last, answer.position);
        last = answer.position;
    }
    join_all(background).await.into_iter().for_each(|outcome| outcome.unwrap());
    assert_whole(&store).await;
}

/// Cuts off an append after it was polled `polls` times; its event ids, whatever came of it.
async fn cut_off(store: &Arc<dyn Store>, append: Append, polls: usize) {
    let mut under_way = store.append(append);
    for _ in 0..polls {
        if futures::poll!(&mut under_way).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Appends that are cut off: after some polls, by a faster branch, or with their task. The event ids of each.
async fn cut_off_many(store: Arc<dyn Store>, worker: usize) -> Vec<Vec<EventId>> {
    let mut sent = Vec::new();
    for round in 0..CANCELLED / 4 {
        let append = append(&format!("a{}", round % 3), 3);
        sent.push(new_ids(&append.events));
        match round % 3 {
            0 => cut_off(&store, append, (round + worker) % 5).await,
            1 => tokio::select! {
                biased;
                () = tokio::task::yield_now() => (),
                _ = store.append(append) => (),
            },
            _ => {
                let store = store.clone();
                let task = tokio::spawn(async move { store.append(append).await });
                tokio::task::yield_now().await;
                task.abort();
                // Whether it was cut off or came first, nothing of it may be torn.
                let _ = task.await;
            }
        }
    }
    sent
}

pub async fn st_21_cancelled_appends_leave_the_store_healthy(subject: &dyn Subject) {
    let store = store(subject).await;
    let workers = (0..4).map(|worker| tokio::spawn(cut_off_many(store.clone(), worker)));
    let sent: Vec<_> = join_all(workers).await.into_iter().flat_map(|outcome| outcome.unwrap()).collect();
    let next = appended(&store, append("b", 2));
    let answer = wait::within("an append after many that were cut off", next).await;
    assert_eq!(answer.version, Version::new(2));
    // What was queued for a stream comes before what is appended to it now.
    for worker in 0..3 {
        appended(&store, append(&format!("a{worker}"), 1)).await;
    }
    let stored: HashSet<_> = ids(&whole_log(&store).await).into_iter().collect();
    for append in sent {
        let found = append.iter().filter(|id| stored.contains(id)).count();
        assert!(found == 0 || found == append.len(), "an append is torn: {found} of its events are there");
    }
    assert_whole(&store).await;
}

pub async fn st_21_a_cancelled_append_that_is_sent_again_has_one_effect(subject: &dyn Subject) {
    let store = store(subject).await;
    for polls in 0..60 {
        let again = append("a", 2);
        cut_off(&store, again.clone(), polls % 12).await;
        let answer = appended(&store, again.clone()).await;
        assert_eq!(answer.version, Version::new(2 * (polls as u64 + 1)));
        let stored = whole_stream(&store, &stream("a")).await;
        assert_eq!(ids(&stored[2 * polls..]), new_ids(&again.events));
    }
    assert_whole(&store).await;
}

pub async fn st_26_with_one_connection_nested_work_does_not_deadlock(subject: &dyn Subject) {
    let store = subject.instance(Settings::default().with_connections_max(1)).await.store();
    let tasks = (0..8).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            let key = task.to_string();
            for _ in 0..5 {
                appended(&store, append(&key, 1)).await;
                // Between the two pages of a reader others append, and it does so itself.
                let page = store.read(&stream(&key), StreamRange::default().limit(1)).await.unwrap();
                appended(&store, append(&key, 1)).await;
                let rest = StreamRange::after(page.events[0].version);
                assert!(!store.read(&stream(&key), rest).await.unwrap().events.is_empty());
                store.read_all(Position::START, &Filter::default(), 1).await.unwrap();
            }
        })
    });
    let all = wait::within("nested work on one connection", join_all(tasks)).await;
    all.into_iter().for_each(|outcome| outcome.unwrap());
    assert_eq!(whole_log(&store).await.len(), 80);
}

pub async fn st_26_who_waits_too_long_for_the_one_connection_is_told_so(subject: &dyn Subject) {
    let impatient = Settings::default().with_connections_max(1).with_wait_max(Duration::from_millis(1));
    let store = subject.instance(impatient).await.store();
    let all = appended(&store, append("a", 10_000)).await.version.value();
    let (mut read, mut refused) = (0, 0);
    let rounds = async {
        // The store's own work may take the connection for a moment, so one round need not see both.
        while read == 0 || refused == 0 {
            let readers = (0..32).map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.read(&stream("a"), StreamRange::default()).await })
            });
            for outcome in join_all(readers).await {
                match outcome.unwrap() {
                    Ok(page) => {
                        assert!(page.more || page.events.len() as u64 == all);
                        read += 1;
                    }
                    Err(error @ StoreError::Unavailable { .. }) => {
                        assert!(error.is_transient(), "{error:?}");
                        refused += 1;
                    }
                    Err(error) => panic!("expected Unavailable, found {error:?}"),
                }
            }
        }
    };
    wait::within("some readers to be given the connection, and some not", rounds).await;
}

pub async fn what_was_acknowledged_is_there_after_reopening(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let first = instance.store();
    appended(&first, append("a", 3)).await;
    appended(&first, crate::fixtures::command("b", "c-1", 1)).await;
    let before = whole_log(&first).await;
    drop(first);
    let reopened = promised(instance.reopen().await);
    assert_eq!(whole_log(&reopened).await, before);
    let next = appended(&reopened, append("a", 1)).await;
    assert_eq!(next.version, Version::new(4));
    assert!(next.position > before[3].position, "positions go on after reopening");
    let (stream_of, answer) = reopened.answered(&crate::fixtures::command_id("c-1")).await.unwrap().unwrap();
    assert_eq!((stream_of, answer.version), (stream("b"), Version::new(1)));
}

pub async fn two_handles_share_one_log(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let handles = [instance.store(), promised(instance.second_handle().await)];
    for round in 0..20 {
        let expected = Expected::Exactly(Version::new(round));
        let race = handles.iter().map(|handle| handle.append(Append::new(stream("a"), expected, events(1))));
        let won = join_all(race).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(won, 1, "of two handles one wins");
    }
    assert_eq!(whole_log(&handles[0]).await, whole_log(&handles[1]).await);
    assert_whole(&handles[1]).await;
}
