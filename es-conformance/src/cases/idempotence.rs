//! The same event ids and the same command id: one effect, and the same answer.

use crate::Subject;
use crate::fixtures::{
    AnswersLost, append, appended, command, command_id, event, events, store, stream, whole_log, whole_stream,
};
use crate::layer::Layered;
use es_core::{Append, AppendError, Appended, EventStore, Expected, StoreError, Version};
use futures::future::join_all;
use std::collections::BTreeSet;

fn again(answer: &Appended) -> Appended {
    Appended { repeated: true, ..answer.clone() }
}

pub async fn an_append_sent_again_is_answered_again(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = Append::new(stream("a"), Expected::Empty, events(3));
    let answer = appended(&store, first.clone()).await;
    appended(&store, append("a", 2)).await;
    // What it expected then does not matter any more.
    assert_eq!(appended(&store, first.clone()).await, again(&answer));
    let several = vec![append("b", 2), append("c", 1)];
    let answers = store.append_all(several.clone()).await.unwrap();
    let repeated = store.append_all(several).await.unwrap();
    assert_eq!(repeated, answers.iter().map(again).collect::<Vec<_>>());
    assert_eq!(whole_log(&store).await.len(), 8);
}

pub async fn an_append_of_which_a_part_is_recorded_is_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = append("a", 2);
    appended(&store, first.clone()).await;
    let more = Append { events: [first.events, events(1)].concat(), ..append("a", 0) };
    match store.append(more).await {
        Err(AppendError::Store(StoreError::PartlyRecorded { stream: of, recorded, sent })) => {
            assert_eq!((of, recorded, sent), (stream("a"), 2, 3));
        }
        other => panic!("expected PartlyRecorded, found {other:?}"),
    }
    assert_eq!(whole_log(&store).await.len(), 2);
}

pub async fn a_retry_sends_the_same_events_in_the_same_order(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = append("a", 3);
    appended(&store, first.clone()).await;
    let (whole, other) = (append("b", 2), append("c", 1));
    appended(&store, whole.clone()).await;
    let reversed = Append { events: first.events.iter().rev().cloned().collect(), ..first.clone() };
    let without_middle =
        Append { events: vec![first.events[0].clone(), first.events[2].clone()], ..first.clone() };
    for appends in
        [vec![reversed], vec![without_middle], vec![whole.clone(), other.clone()], vec![other, whole]]
    {
        let outcome = store.append_all(appends).await;
        let refused = matches!(outcome, Err(AppendError::Store(StoreError::PartlyRecorded { .. })));
        assert!(refused, "{outcome:?}");
    }
    assert_eq!(whole_log(&store).await.len(), 5);
}

pub async fn an_event_id_of_another_stream_is_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = append("a", 1);
    appended(&store, first.clone()).await;
    let elsewhere = Append { stream: stream("b"), ..first.clone() };
    match store.append(elsewhere).await {
        Err(AppendError::Store(StoreError::EventIdTaken { event_id, stream: of })) => {
            assert_eq!((event_id, of), (first.events[0].event_id, stream("a")));
        }
        other => panic!("expected EventIdTaken, found {other:?}"),
    }
    assert_eq!(whole_log(&store).await.len(), 1);
}

pub async fn an_event_id_is_not_used_twice_in_one_call(subject: &dyn Subject) {
    let store = store(subject).await;
    let twin = event("account.changed", "{}");
    let within = Append { events: vec![twin.clone(), twin.clone()], ..append("a", 0) };
    let across = ["a", "b"].map(|key| Append { events: vec![twin.clone()], ..append(key, 0) });
    let head = appended(&store, append("c", 5)).await.version;
    let mut as_expected = across.clone().to_vec();
    as_expected.insert(0, Append { expected: Expected::Exactly(head), ..append("c", 1) });
    for appends in [vec![within], across.into(), as_expected] {
        let outcome = store.append_all(appends).await;
        let refused = matches!(&outcome, Err(AppendError::Store(StoreError::EventIdTaken { event_id, .. })) if *event_id == twin.event_id);
        assert!(refused, "{outcome:?}");
    }
    assert_eq!(whole_log(&store).await.len(), 5);
}

pub async fn the_same_append_from_16_tasks_has_one_effect(subject: &dyn Subject) {
    let store = store(subject).await;
    for expected in [Expected::Any, Expected::Exactly(Version::new(3))] {
        let same = Append { expected, ..append("a", 3) };
        let tasks = (0..16).map(|_| {
            let (store, same) = (store.clone(), same.clone());
            tokio::spawn(async move { store.append(same).await.unwrap() })
        });
        let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
        assert!(answers.iter().all(|answer| again(answer) == again(&answers[0])));
    }
    assert_eq!(whole_log(&store).await.len(), 6);
}

pub async fn an_append_whose_answer_was_lost_has_one_effect_when_it_is_sent_again(subject: &dyn Subject) {
    let store = store(subject).await;
    let lossy = Layered(AnswersLost { below: store.clone(), left: 1.into() });
    let lost = append("a", 2);
    assert!(matches!(
        lossy.append(lost.clone()).await,
        Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))
    ));
    let answer = lossy.append(lost).await.unwrap();
    assert!(answer.repeated);
    assert_eq!(whole_stream(&store, &stream("a")).await.len(), 2);
}

pub async fn a_command_sent_again_is_answered_again(subject: &dyn Subject) {
    let store = store(subject).await;
    assert_eq!(store.answered(&command_id("c-1")).await.unwrap(), None);
    let answer = appended(&store, command("a", "c-1", 2)).await;
    assert!(!answer.repeated);
    appended(&store, append("a", 1)).await;
    // Decided again, it has other events, and may expect another version.
    let decided_again = Append { expected: Expected::Empty, ..command("a", "c-1", 5) };
    assert_eq!(appended(&store, decided_again).await, again(&answer));
    let (of, kept) = store.answered(&command_id("c-1")).await.unwrap().unwrap();
    assert_eq!((of, again(&kept)), (stream("a"), again(&answer)));
    assert_eq!(whole_log(&store).await.len(), 3);
}

pub async fn a_command_id_of_another_stream_is_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, command("a", "c-1", 1)).await;
    match store.append(command("b", "c-1", 1)).await {
        Err(AppendError::Store(StoreError::CommandIdTaken { command_id: id, stream: of })) => {
            assert_eq!((id, of), (command_id("c-1"), stream("a")));
        }
        other => panic!("expected CommandIdTaken, found {other:?}"),
    }
    assert_eq!(whole_log(&store).await.len(), 1);
    appended(&store, command("b", "C-1", 1)).await;
}

pub async fn a_command_that_decides_nothing_is_recorded(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, append("a", 2)).await;
    let answer = appended(&store, command("a", "c-1", 0)).await;
    assert_eq!((answer.version, answer.positions.len()), (Version::new(2), 0));
    appended(&store, append("a", 1)).await;
    assert_eq!(appended(&store, command("a", "c-1", 1)).await, again(&answer));
    assert!(store.answered(&command_id("c-1")).await.unwrap().is_some());
    assert_eq!(whole_log(&store).await.len(), 3);
}

pub async fn a_refused_command_leaves_its_id_free(subject: &dyn Subject) {
    let store = store(subject).await;
    let refused = Append { expected: Expected::Exists, ..command("a", "c-1", 1) };
    assert!(matches!(store.append(refused).await, Err(AppendError::Conflict(_))));
    assert_eq!(store.answered(&command_id("c-1")).await.unwrap(), None);
    assert!(!appended(&store, command("b", "c-1", 1)).await.repeated);
}

pub async fn a_command_sent_by_16_tasks_has_one_effect_and_one_answer(subject: &dyn Subject) {
    let store = store(subject).await;
    for round in 0..5 {
        let id = format!("c-{round}");
        let tasks = (0..16).map(|_| {
            let (store, append) = (store.clone(), command("a", &id, 2));
            tokio::spawn(async move { store.append(append).await.unwrap() })
        });
        let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
        let distinct: BTreeSet<_> = answers.iter().map(|answer| answer.positions.clone()).collect();
        assert_eq!(distinct.len(), 1, "one answer");
    }
    assert_eq!(whole_log(&store).await.len(), 10);
}
