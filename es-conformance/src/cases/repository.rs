//! Commands: loaded, decided, appended; and again when another writer was first.

use crate::Subject;
use crate::fixtures::{
    Account, AccountError, AccountEvent, AnswersLost, Deposit, assert_whole, command_id, store, stream,
    whole_log,
};
use crate::layer::Layered;
use es_core::{
    EventStore, ExecuteError, Metadata, Repository, Retry, Store, StoreError, StreamRange, Version,
};
use futures::future::join_all;
use std::sync::Arc;

fn accounts(store: &Arc<dyn Store>) -> Repository<Account> {
    Repository::new(store.clone())
}

fn patient() -> Retry {
    Retry::default().with_attempts_max(1_000)
}

fn id(key: &str) -> String {
    key.to_owned()
}

pub async fn what_a_command_decided_is_recorded(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    let by_alice = accounts.with(Metadata::new().by("alice"));
    let opened = |_: &Account| {
        Ok(vec![AccountEvent::Opened { owner: "Ada".into() }, AccountEvent::Deposited { cents: 5 }])
    };
    let committed = by_alice.decide(id("a"), opened).await.unwrap();
    assert_eq!((committed.version, committed.state.cents, committed.repeated), (Version::new(2), 5, false));
    let read = store.read(&stream("a"), StreamRange::default()).await.unwrap().events;
    let decoded: Vec<_> = read.into_iter().map(|event| event.decode::<AccountEvent>().unwrap()).collect();
    assert_eq!(committed.events, decoded, "what is given back is what is stored");
    assert_eq!(committed.position, decoded[1].position);
    assert!(decoded.iter().all(|event| event.metadata.actor() == Some("alice")));
    assert_eq!(decoded[0].metadata.correlation_id, Some(decoded[0].event_id.uuid()));
    assert_eq!(decoded[1].metadata.correlation_id, Some(decoded[0].event_id.uuid()));
    let loaded = accounts.load(id("a")).await.unwrap();
    assert_eq!((loaded.state, loaded.version), (committed.state, committed.version));
    let nobody = accounts.load(id("b")).await.unwrap();
    assert_eq!((nobody.version, nobody.state.events), (Version::ZERO, 0));
}

pub async fn a_rejection_and_an_empty_decision_store_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    accounts.execute(id("a"), Deposit { cents: 5 }).await.unwrap();
    let head = store.head().await.unwrap();
    let command = accounts.with(Metadata::new().command(command_id("c-1")));
    for repository in [&accounts, &command] {
        let refused = repository.execute(id("a"), Deposit { cents: -1 }).await;
        assert!(matches!(refused, Err(ExecuteError::Rejected(AccountError))), "{refused:?}");
    }
    assert_eq!(store.answered(&command_id("c-1")).await.unwrap(), None, "a rejection records nothing");
    let nothing = accounts.execute(id("a"), Deposit { cents: 0 }).await.unwrap();
    assert_eq!((nothing.version, nothing.events.len()), (Version::new(1), 0));
    assert_eq!(Some(nothing.position), head.map(|head| head.position));
    assert_eq!(store.head().await.unwrap(), head);
    let recorded = command.execute(id("a"), Deposit { cents: 0 }).await.unwrap();
    assert!(!recorded.repeated && store.answered(&command_id("c-1")).await.unwrap().is_some());
    let again = command.execute(id("a"), Deposit { cents: 7 }).await.unwrap();
    assert_eq!((again.repeated, again.state.cents, again.events.len()), (true, 5, 0));
    assert_eq!(store.head().await.unwrap(), head);
}

/// Deposits by 8 tasks at once on one account.
async fn deposits_at_once(store: &Arc<dyn Store>, repository: impl Fn() -> Repository<Account>) {
    let tasks = (0..8).map(|_| {
        let repository = repository();
        tokio::spawn(async move {
            for cents in 1..=10 {
                repository.execute(id("a"), Deposit { cents }).await.unwrap();
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(|outcome| outcome.unwrap());
    let loaded = accounts(store).load(id("a")).await.unwrap();
    assert_eq!((loaded.version, loaded.state.cents), (Version::new(80), 8 * 55));
    assert_whole(store).await;
}

pub async fn lost_races_are_decided_again(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits_at_once(&store, || accounts(&store).with_retry(patient())).await;
}

pub async fn a_cache_is_right_beside_other_writers(subject: &dyn Subject) {
    let store = store(subject).await;
    let shared = accounts(&store).with_retry(patient()).with_cache(2);
    deposits_at_once(&store, || shared.clone()).await;
    let cached = accounts(&store).with_cache(1);
    let other = accounts(&store);
    for round in 1..20_u64 {
        let key = id(["x", "y"][usize::from(round % 5 == 0)]);
        let before = other.execute(key.clone(), Deposit { cents: 1 }).await.unwrap();
        let after = cached.execute(key.clone(), Deposit { cents: 2 }).await.unwrap();
        assert_eq!(
            after.version,
            before.version.plus(1),
            "a state that is not the newest is decided on again"
        );
        assert_eq!(after.state, other.load(key.clone()).await.unwrap().state);
        let only_once =
            |state: &Account| if state.events.is_multiple_of(2) { Ok(vec![]) } else { Err(AccountError) };
        other.execute(key.clone(), Deposit { cents: 1 }).await.unwrap();
        let refused = cached.decide(key, only_once).await;
        assert!(
            matches!(refused, Err(ExecuteError::Rejected(_))),
            "no decision on an old state: {refused:?}"
        );
        let key = id(["x", "y"][usize::from(round % 5 == 0)]);
        other.execute(key, Deposit { cents: 1 }).await.unwrap();
    }
}

pub async fn a_command_for_a_version_conflicts_elsewhere(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    for _ in 0..3 {
        accounts.execute(id("a"), Deposit { cents: 1 }).await.unwrap();
    }
    for version in [0, 2, 4] {
        let at = accounts.at(Version::new(version));
        match at.execute(id("a"), Deposit { cents: 1 }).await {
            Err(ExecuteError::Conflict(conflict)) => assert_eq!(conflict.found, Version::new(3)),
            other => panic!("at version {version}: {other:?}"),
        }
    }
    let fits = accounts.at(Version::new(3)).execute(id("a"), Deposit { cents: 1 }).await.unwrap();
    assert_eq!(fits.version, Version::new(4));
}

pub async fn a_command_that_is_sent_again_gets_the_answer_of_that_time(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    let command = accounts.with(Metadata::new().command(command_id("c-1")));
    let first = command.execute(id("a"), Deposit { cents: 5 }).await.unwrap();
    accounts.execute(id("a"), Deposit { cents: 100 }).await.unwrap();
    // Sent again it may be decided differently, or even refused.
    for cents in [5, 7, 0, -1] {
        let again = command.execute(id("a"), Deposit { cents }).await.unwrap();
        assert!(again.repeated, "deposit of {cents}");
        assert_eq!((again.state.cents, again.version, again.position), (5, first.version, first.position));
        assert_eq!(again.events, first.events);
    }
    let elsewhere = command.execute(id("b"), Deposit { cents: 5 }).await;
    assert!(
        matches!(elsewhere, Err(ExecuteError::Store(StoreError::CommandIdTaken { .. }))),
        "{elsewhere:?}"
    );
    assert_eq!(whole_log(&store).await.len(), 2);
}

pub async fn a_command_executed_by_16_tasks_has_one_effect_and_one_answer(subject: &dyn Subject) {
    let store = store(subject).await;
    for round in 0..4 {
        let metadata = Metadata::new().command(command_id(&format!("c-{round}")));
        let command = accounts(&store).with_retry(patient()).with(metadata);
        let tasks = (0..16).map(|task| {
            let command = command.clone();
            tokio::spawn(async move { command.execute(id("a"), Deposit { cents: 1 + task }).await.unwrap() })
        });
        let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1);
        assert!(answers.iter().all(|answer| answer.events == answers[0].events), "one answer");
        assert!(answers.iter().all(|answer| answer.state == answers[0].state));
    }
    assert_eq!(whole_log(&store).await.len(), 4);
}

pub async fn a_command_whose_answer_was_lost_has_one_effect(subject: &dyn Subject) {
    let store = store(subject).await;
    let lossy = Repository::<Account>::new(Layered(AnswersLost { below: store.clone(), left: 3.into() }));
    let committed = lossy.execute(id("a"), Deposit { cents: 5 }).await.unwrap();
    assert_eq!((committed.version, committed.state.cents, committed.repeated), (Version::new(1), 5, false));
    let lossy = Repository::<Account>::new(Layered(AnswersLost { below: store.clone(), left: 9.into() }));
    let gave_up = lossy.with_retry(Retry::never()).execute(id("a"), Deposit { cents: 5 }).await;
    assert!(matches!(gave_up, Err(ExecuteError::Store(error)) if error.is_transient()));
    assert_eq!(whole_log(&store).await.len(), 2, "the outcome was unknown: it was stored");
}

pub async fn a_state_is_loaded_as_it_was(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    for cents in 1..=6 {
        accounts.execute(id("a"), Deposit { cents }).await.unwrap();
    }
    for version in 0..=6 {
        let loaded = accounts.load_at(id("a"), Version::new(version)).await.unwrap();
        let sum = (version * (version + 1) / 2).cast_signed();
        assert_eq!((loaded.version.value(), loaded.state.cents), (version, sum));
    }
    assert_eq!(accounts.load_at(id("a"), Version::new(99)).await.unwrap().version, Version::new(6));
    let log = whole_log(&store).await;
    for event in &log {
        let recorded = accounts.load_as_of(id("a"), event.recorded_at).await.unwrap();
        let then = log.iter().filter(|other| other.recorded_at <= event.recorded_at).count();
        assert_eq!(recorded.version.value() as usize, then);
    }
    let before = log[0].recorded_at - chrono::TimeDelta::microseconds(1);
    assert_eq!(accounts.load_as_of(id("a"), before).await.unwrap().version, Version::ZERO);
}

pub async fn a_long_stream_is_loaded_in_pages(subject: &dyn Subject) {
    let store = store(subject).await;
    let accounts = accounts(&store);
    for _ in 0..3 {
        let many = |_: &Account| Ok(vec![AccountEvent::Deposited { cents: 1 }; 7_000]);
        accounts.decide(id("a"), many).await.unwrap();
    }
    let loaded = accounts.load(id("a")).await.unwrap();
    assert_eq!((loaded.version, loaded.state.cents), (Version::new(21_000), 21_000));
}
