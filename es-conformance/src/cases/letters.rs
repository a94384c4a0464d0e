//! Dead letters where something goes wrong while they are written, retried or discarded.

use super::checkpoints::{acquire, assert_fenced, generations_of, ten_rows, write};
use super::dead_letters::program::{
    HAS_NO_KEY, HalfMended, Halts, IS_NO_NUMBER, Ledger, Mended, PANICS, PANICS_WHEN_READ, Parks,
};
use super::dead_letters::{
    Seen, assert_mended, caught_up, deposit, expected, id, ledger, letters, retried, seen,
};
use super::projector::live;
use crate::fixtures::{Vanishing, projection, store, stream, whole_log};
use crate::{Layered, Subject};
use es_core::{
    CheckpointStore, Commit, DeadLetterStore, EventStore, GenerationState, Grant, LetterChange, LetterPlace,
    LetterQueue, Parked, Position, Projector, ProjectorError, Store, Version,
};
use std::sync::Arc;
use std::time::Duration;

pub async fn pj_08_what_comes_before_one_that_fails_again_is_taken(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, PANICS, 2, IS_NO_NUMBER, 3, PANICS, 4]).await;
    caught_up::<Parks>(&store, 1_000).await;
    assert_eq!(retried::<HalfMended>(&store).await, (2, 1, 3));
    assert_eq!(ledger(&store).await, expected([("a", &[1, PANICS, 2])]));
    let left =
        seen([("key:a", 4, 1, false), ("key:a", 5, 0, true), ("key:a", 6, 0, true), ("key:a", 7, 0, true)]);
    assert_eq!(letters(&store).await, left);
    assert_eq!(retried::<Mended>(&store).await, (4, 0, 0));
    assert_mended(&store).await;
}

pub async fn pj_06_a_view_that_cannot_be_read_parks_its_key(subject: &dyn Subject) {
    for junk in ["{}", PANICS_WHEN_READ] {
        let store = store(subject).await;
        deposit(&store, "b", &[1]).await;
        let grant = acquire(&store, &id(), GenerationState::Live).await;
        let mut commit = Commit::new(grant.clone(), grant.cursor);
        commit.writes.push(write("a", junk));
        store.commit(commit).await.unwrap();
        store.release(&grant, None).await.unwrap();
        deposit(&store, "c", &[1]).await;
        deposit(&store, "a", &[1, 2]).await;
        deposit(&store, "b", &[2]).await;
        caught_up::<Parks>(&store, 1_000).await;
        assert_eq!(letters(&store).await, seen([("key:a", 1, 1, false), ("key:a", 2, 0, true)]), "{junk}");
        assert_eq!(store_view(&store, "b").await, r#"{"amounts":[1,2],"factor":1.0}"#);
        assert_eq!(store_view(&store, "c").await, r#"{"amounts":[1],"factor":1.0}"#);
        assert_eq!(store_view(&store, "a").await, junk, "it is left as it was");
    }
}

async fn store_view(store: &Arc<dyn Store>, key: &str) -> String {
    es_core::ViewStore::view(store, &id(), key).await.unwrap().unwrap()
}

pub async fn pj_01_letters_come_with_their_checkpoint_wherever_an_owner_vanishes(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, 2, PANICS, 3]).await;
    deposit(&store, "b", &[1, HAS_NO_KEY, 2, 3]).await;
    deposit(&store, "a", &[4]).await;
    deposit(&store, "c", &[1, IS_NO_NUMBER, 2, PANICS]).await;
    let head = store.head().await.unwrap().unwrap().position;
    let is_done = async || {
        let generations = generations_of(&store, &id()).await;
        generations.first().is_some_and(|live| live.position() >= head)
    };
    let mut polls = 0;
    while !is_done().await {
        polls += 1;
        let (vanishing, vanish) = Vanishing::after(polls, store.clone());
        let vanishing: Arc<dyn Store> = Arc::new(Layered(vanishing));
        let projector = Projector::<Ledger<Parks>>::new(vanishing);
        let projector = projector.with_batch_events_max(3).with_lease(Duration::ZERO);
        tokio::select! {
            () = vanish.notified() => {}
            caught_up = projector.catch_up() => drop(caught_up.unwrap()),
        }
    }
    assert_eq!(ledger(&store).await, expected([("a", &[1, 2]), ("b", &[1]), ("c", &[1])]));
    let parked: Vec<Seen> = seen([
        ("key:a", 3, 1, false),
        ("key:a", 4, 0, true),
        ("key:a", 5, 0, true),
        ("key:c", 2, 1, false),
        ("key:c", 3, 0, true),
        ("key:c", 4, 0, true),
        ("stream:account-b", 2, 1, false),
        ("stream:account-b", 3, 0, true),
        ("stream:account-b", 4, 0, true),
    ]);
    assert_eq!(letters(&store).await, parked);
}

pub async fn pj_08_a_retry_that_vanishes_anywhere_is_finished_by_another(subject: &dyn Subject) {
    let store = store(subject).await;
    // More than are taken at a time.
    let amounts: Vec<_> = [PANICS].into_iter().chain((1..1_100).map(|_| 1)).collect();
    deposit(&store, "a", &amounts).await;
    caught_up::<Parks>(&store, 1_000).await;
    assert_eq!(live(&store, "ledger").await.dead_letters, 1);
    let mut polls = 0;
    while live(&store, "ledger").await.dead_letters > 0 {
        polls += 1;
        let (vanishing, vanish) = Vanishing::after(polls, store.clone());
        let vanishing: Arc<dyn Store> = Arc::new(Layered(vanishing));
        let projector = Projector::<Ledger<Mended>>::new(vanishing).with_lease(Duration::ZERO);
        tokio::select! {
            () = vanish.notified() => {}
            retried = projector.any().retry(None) => drop(retried.unwrap()),
        }
    }
    assert_eq!(ledger(&store).await["a"], amounts);
    assert_mended(&store).await;
}

pub async fn a_letter_that_is_discarded_ends_the_rebuild_that_did_not_know(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, PANICS, 2]).await;
    let projector = caught_up::<Parks>(&store, 1_000).await;
    let building = acquire(&store, &id(), GenerationState::Building).await;
    let place =
        LetterPlace { queue: LetterQueue::Key("a".into()), position: whole_log(&store).await[1].position };
    projector.any().discard_letter(&place, "a mistake").await.unwrap();
    let left: Vec<_> = generations_of(&store, &id()).await.iter().map(|found| found.state).collect();
    assert_eq!(left, [GenerationState::Live]);
    assert_fenced(store.swap(&building).await);
}

pub async fn a_halt_stays_while_letters_are_retried(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "b", &[PANICS, 1]).await;
    caught_up::<Parks>(&store, 1_000).await;
    deposit(&store, "a", &[1, PANICS, 2]).await;
    let halts = Projector::<Ledger<Halts>>::new(store.clone());
    halts.catch_up().await.unwrap_err();
    let halt = live(&store, "ledger").await.halt().cloned();
    assert!(halt.is_some());
    assert_eq!(letters(&store).await, seen([("key:b", 1, 1, false), ("key:b", 2, 0, true)]));
    let nowhere = LetterPlace { queue: LetterQueue::Key("a".into()), position: Position::new(1) };
    let outcome = halts.any().discard_letter(&nowhere, "there is none").await;
    assert!(matches!(outcome, Err(ProjectorError::NoLetter { .. })), "{outcome:?}");
    assert_eq!(live(&store, "ledger").await.halt(), halt.as_ref());
    assert_eq!(retried::<Halts>(&store).await, (0, 1, 1));
    assert_eq!(live(&store, "ledger").await.halt(), halt.as_ref(), "a letter that fails again halts nothing");
    assert_eq!(retried::<Mended>(&store).await, (2, 0, 0));
    assert_eq!(live(&store, "ledger").await.halt(), halt.as_ref());
    let mut never_ran = Projector::<crate::fixtures::Balances>::new(store.clone());
    never_ran = never_ran.with_lease(Duration::from_secs(1));
    assert_eq!(never_ran.any().retry(None).await.unwrap(), es_core::Retried::default());
    assert_eq!(store.generations().await.unwrap().len(), 1, "who asks for letters makes no read model");
}

fn parked(queue: &str, position: Position, cause: Option<&str>) -> LetterChange {
    LetterChange::Park(Parked {
        place: LetterPlace { queue: queue.parse().unwrap(), position },
        stream: stream("a"),
        version: Version::new(position.value()),
        name: "account.changed".to_owned(),
        cause: cause.map(str::to_owned),
    })
}

async fn change(store: &Arc<dyn Store>, grant: &Grant, letters: Vec<LetterChange>) {
    store.commit(Commit { letters, ..Commit::new(grant.clone(), grant.cursor) }).await.unwrap();
}

pub async fn letters_are_changed_with_the_checkpoint_and_by_nobody_else(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("letters");
    let former = acquire(&store, &id, GenerationState::Live).await;
    store.release(&former, None).await.unwrap();
    let grant = acquire(&store, &id, GenerationState::Live).await;
    let [one, two] = [rows[0].position, rows[1].position];
    let zombie = Commit {
        letters: vec![parked("key:a", one, Some("of a zombie"))],
        ..Commit::new(former.clone(), Some(rows[0]))
    };
    assert_fenced(store.commit(zombie).await);
    let found = async || {
        let letters = store.letters(grant.generation, None, 9).await.unwrap();
        let found = letters
            .into_iter()
            .map(|letter| (letter.place.to_string(), letter.cause.unwrap_or_default(), letter.attempts));
        found.collect::<Vec<_>>()
    };
    assert_eq!(found().await, []);
    let (key, other) = (format!("key:a at position {one}"), format!("key:a at position {two}"));
    let strange = "a\u{0} cause \"with\" everything\n";
    change(&store, &grant, vec![parked("key:a", two, None), parked("key:a", one, Some("first"))]).await;
    change(&store, &grant, vec![parked("key:a", one, Some(strange)), parked("key:a", two, None)]).await;
    change(&store, &grant, vec![parked("key:a", one, None)]).await;
    let both = [(key.clone(), strange.to_owned(), 2), (other.clone(), String::new(), 0)];
    assert_eq!(found().await, both, "one that only waits changes nothing of what is there");
    let place = |position| LetterPlace { queue: LetterQueue::Key("a".into()), position };
    let discard = |reason: &str| LetterChange::Discard { place: place(one), reason: reason.to_owned() };
    change(&store, &grant, vec![LetterChange::Settle(place(Position::new(999))), discard(strange)]).await;
    change(&store, &grant, vec![discard("again")]).await;
    assert_eq!(found().await, both[1..]);
    let reasons: Vec<_> = store.discarded(&id).await.unwrap().into_iter().map(|found| found.reason).collect();
    assert_eq!(reasons, [strange]);
    assert!(store.discarded(&projection("others")).await.unwrap().is_empty());
    let generation = grant.generation;
    assert!(store.drop_generation(&id, GenerationState::Live).await.unwrap());
    assert!(store.letters(generation, None, 9).await.unwrap().is_empty(), "they go with their generation");
    assert_eq!(store.discarded(&id).await.unwrap().len(), 1, "what was discarded stays so");
}

pub async fn a_letter_that_is_not_the_first_is_discarded_and_nobody_else_is_tried(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[PANICS, 1, 2, 3]).await;
    let projector = caught_up::<Parks>(&store, 1_000).await;
    let log = whole_log(&store).await;
    let place = |row: usize| LetterPlace { queue: LetterQueue::Key("a".into()), position: log[row].position };
    let outcome = projector.any().discard_letter(&place(2), "a mistake").await.unwrap();
    assert_eq!(outcome, es_core::Retried::default());
    let left = seen([("key:a", 1, 1, false), ("key:a", 2, 0, true), ("key:a", 4, 0, true)]);
    assert_eq!(letters(&store).await, left);
    assert_eq!(retried::<Mended>(&store).await, (3, 0, 0));
    assert_eq!(ledger(&store).await, expected([("a", &[PANICS, 1, 3])]));
}
