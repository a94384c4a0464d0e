//! What a projection cannot take is kept, holds up no more than its policy says, and is taken in order later, once.

pub(super) mod program;

use super::projector::live;
use super::rebuild::HELD_BYTES;
use crate::fixtures::{AccountEvent, event, for_all, recorded, store, stream, whole_log};
use crate::{Subject, wait};
use es_core::{
    Append, CheckpointStore, Comparison, DeadLetterStore, EventStore, Expected, GenerationState, Lease,
    LetterPlace, LetterQueue, ProjectionId, Projector, ProjectorError, Retried, Store, ViewStore,
};
use program::{
    HAS_NO_KEY, Halts, IS_NO_NUMBER, Ledger, Mended, NEVER_COMES_BACK, PANICS, Parks, Program, Skips,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(super) fn id() -> ProjectionId {
    ProjectionId::new("ledger", 1).unwrap()
}

pub(super) async fn deposit(store: &Arc<dyn Store>, account: &str, amounts: &[i64]) {
    recorded(store, account, amounts.iter().map(|cents| AccountEvent::Deposited { cents: *cents })).await;
}

/// Amounts by account.
pub(super) async fn ledger(store: &Arc<dyn Store>) -> BTreeMap<String, Vec<i64>> {
    let views = store.views(&id(), None, 1_000).await.unwrap();
    let amounts = |view: &str| serde_json::from_str::<Ledger<Mended>>(view).unwrap().amounts;
    views.into_iter().map(|(key, view)| (key, amounts(&view))).collect()
}

pub(super) fn expected<const N: usize>(accounts: [(&str, &[i64]); N]) -> BTreeMap<String, Vec<i64>> {
    accounts.into_iter().map(|(account, amounts)| (account.to_owned(), amounts.to_vec())).collect()
}

/// Queue, version, attempts, and whether it only waits.
pub(super) type Seen = (String, u64, u32, bool);

pub(super) async fn letters(store: &Arc<dyn Store>) -> Vec<Seen> {
    let generation = live(store, "ledger").await;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        // A page of one tells whether the next begins behind it.
        let page = store.letters(generation.id, after.as_ref(), 1).await.unwrap();
        let Some(letter) = page.last() else { break };
        after = Some(letter.place.clone());
        all.push(letter.clone());
    }
    assert_eq!(store.letters(generation.id, None, 1_000).await.unwrap(), all);
    let failed = all.iter().filter(|letter| letter.cause.is_some()).count();
    assert_eq!(generation.dead_letters, failed as u64);
    for pair in all.windows(2) {
        let is_first = pair[0].place.queue != pair[1].place.queue;
        assert!(!is_first || pair[1].cause.is_some(), "nobody sees that it stands still: {:?}", pair[1]);
    }
    assert!(all.first().is_none_or(|first| first.cause.is_some()), "{:?}", all.first());
    let mut queues: Vec<_> = all.iter().map(|letter| letter.place.queue.clone()).collect();
    queues.dedup();
    assert_eq!(store.queues(generation.id).await.unwrap(), queues);
    let seen = all.into_iter().map(|letter| {
        assert_eq!(letter.name, "account.deposited");
        assert!(letter.first_at <= letter.last_at);
        let place = &letter.place;
        if let Some(cause) = &letter.cause {
            assert!(cause.contains("ledger v1") && cause.len() > 20, "{cause}");
            assert!(cause.contains(&place.position.to_string()) || cause.contains("the view"), "{cause}");
        }
        (place.queue.to_string(), letter.version.value(), letter.attempts, letter.cause.is_none())
    });
    seen.collect()
}

pub(super) fn seen<const N: usize>(letters: [(&str, u64, u32, bool); N]) -> Vec<Seen> {
    letters.map(|(queue, version, attempts, waits)| (queue.to_owned(), version, attempts, waits)).to_vec()
}

pub(super) async fn caught_up<P: Program>(store: &Arc<dyn Store>, batch: usize) -> Projector<Ledger<P>> {
    let projector = Projector::<Ledger<P>>::new(store.clone()).with_batch_events_max(batch);
    let head = store.head().await.unwrap().unwrap().position;
    assert_eq!(projector.catch_up().await.unwrap(), head);
    assert_eq!(live(store, "ledger").await.position(), head, "nobody is held up");
    projector
}

pub(super) async fn retried<P: Program>(store: &Arc<dyn Store>) -> (u64, u64, u64) {
    let Retried { settled, failed, waiting } =
        Projector::<Ledger<P>>::new(store.clone()).any().retry(None).await.unwrap();
    (settled, failed, waiting)
}

/// The read model is what a replay gives, and has no letters.
pub(super) async fn assert_mended(store: &Arc<dyn Store>) {
    assert_eq!(letters(store).await, []);
    let projector = Projector::<Ledger<Mended>>::new(store.clone());
    let comparison = projector.any().check(|_| ()).await.unwrap();
    assert!(matches!(comparison, Comparison::Identical { .. }), "{comparison:?}");
}

pub async fn pj_06_the_key_of_a_poison_is_parked_and_the_others_go_on(subject: &dyn Subject) {
    for batch in [1_000, 2, 1] {
        let store = store(subject).await;
        deposit(&store, "a", &[1]).await;
        deposit(&store, "b", &[1, PANICS, 2]).await;
        deposit(&store, "a", &[2]).await;
        deposit(&store, "c", &[3, IS_NO_NUMBER, 4]).await;
        caught_up::<Parks>(&store, batch).await;
        deposit(&store, "b", &[3]).await;
        deposit(&store, "a", &[3]).await;
        caught_up::<Parks>(&store, batch).await;
        assert_eq!(ledger(&store).await, expected([("a", &[1, 2, 3]), ("b", &[1]), ("c", &[3])]));
        let parked = |attempts| {
            seen([
                ("key:b", 2, attempts, false),
                ("key:b", 3, 0, true),
                ("key:b", 4, 0, true),
                ("key:c", 2, attempts, false),
                ("key:c", 3, 0, true),
            ])
        };
        assert_eq!(letters(&store).await, parked(1), "in batches of {batch}");
        // PJ-08: what is not mended fails again, and nothing passes it.
        assert_eq!(retried::<Parks>(&store).await, (0, 2, 3));
        assert_eq!(letters(&store).await, parked(2));
        assert_eq!(retried::<Mended>(&store).await, (5, 0, 0));
        let all = expected([("a", &[1, 2, 3]), ("b", &[1, PANICS, 2, 3]), ("c", &[3, IS_NO_NUMBER, 4])]);
        assert_eq!(ledger(&store).await, all, "in order");
        assert_eq!(retried::<Mended>(&store).await, (0, 0, 0), "once");
        assert_eq!(ledger(&store).await, all);
        assert_mended(&store).await;
        deposit(&store, "b", &[4]).await;
        caught_up::<Parks>(&store, batch).await;
        assert_eq!(ledger(&store).await["b"], [1, PANICS, 2, 3, 4], "the key is free again");
    }
}

pub async fn pj_06_where_the_key_cannot_be_told_the_stream_is_parked(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, HAS_NO_KEY, 2]).await;
    deposit(&store, "b", &[1]).await;
    let five = event("account.deposited", br#"{"cents":"five"}"#.as_slice());
    store.append(Append::new(stream("b"), Expected::Any, vec![five])).await.unwrap();
    deposit(&store, "b", &[PANICS]).await;
    deposit(&store, "c", &[3]).await;
    caught_up::<Parks>(&store, 1_000).await;
    assert_eq!(ledger(&store).await, expected([("a", &[1]), ("b", &[1]), ("c", &[3])]));
    let parked = seen([
        ("stream:account-a", 2, 1, false),
        ("stream:account-a", 3, 0, true),
        ("stream:account-b", 2, 1, false),
        ("stream:account-b", 3, 0, true),
    ]);
    assert_eq!(letters(&store).await, parked);
    assert_eq!(retried::<Mended>(&store).await, (4, 0, 0));
    let all = expected([("a", &[1, HAS_NO_KEY, 2]), ("b", &[1, 5, PANICS]), ("c", &[3])]);
    assert_eq!(ledger(&store).await, all);
    assert_mended(&store).await;
}

pub async fn pj_06_what_is_skipped_holds_up_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, PANICS, 2, HAS_NO_KEY, 3, IS_NO_NUMBER, 4]).await;
    caught_up::<Skips>(&store, 1_000).await;
    deposit(&store, "a", &[5]).await;
    caught_up::<Skips>(&store, 1_000).await;
    assert_eq!(ledger(&store).await, expected([("a", &[1, 2, 3, 4, 5])]));
    let parked = seen([("key:a", 2, 1, false), ("key:a", 6, 1, false), ("stream:account-a", 4, 1, false)]);
    assert_eq!(letters(&store).await, parked);
    assert_eq!(retried::<Skips>(&store).await, (0, 3, 0));
    assert_eq!(retried::<Mended>(&store).await, (3, 0, 0));
    assert_eq!(ledger(&store).await["a"], [1, 2, 3, 4, 5, PANICS, IS_NO_NUMBER, HAS_NO_KEY]);
    assert_eq!(letters(&store).await, []);
}

pub async fn pj_06_a_projection_halts_at_its_own_panic_and_says_where(subject: &dyn Subject) {
    for amount in [PANICS, IS_NO_NUMBER] {
        let store = store(subject).await;
        deposit(&store, "a", &[1, 2, amount, 3]).await;
        let log = whole_log(&store).await;
        let error = Projector::<Ledger<Halts>>::new(store.clone()).catch_up().await.unwrap_err();
        assert_eq!(error.position(), Some(log[2].position), "{error}");
        let live = live(&store, "ledger").await;
        assert_eq!((live.position(), live.dead_letters), (log[1].position, 0));
        assert_eq!(live.halt().expect("why it halted is kept").position, log[2].position);
        assert_eq!(ledger(&store).await, expected([("a", &[1, 2])]));
    }
}

pub async fn pj_09_code_that_does_not_come_back_is_timed_out(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, NEVER_COMES_BACK, 2]).await;
    deposit(&store, "b", &[1]).await;
    caught_up::<Parks>(&store, 1_000).await;
    assert_eq!(ledger(&store).await, expected([("a", &[1]), ("b", &[1])]));
    assert_eq!(letters(&store).await, seen([("key:a", 2, 1, false), ("key:a", 3, 0, true)]));
    assert_eq!(retried::<Mended>(&store).await, (2, 0, 0));
    assert_mended(&store).await;
}

pub async fn pj_08_letters_are_retried_beside_the_one_who_runs(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[PANICS, 1]).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (projector, shutdown) = (Projector::<Ledger<Parks>>::new(store.clone()), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    wait::until("the key is parked", async || !letters_now(&store).await.is_empty()).await;
    assert_eq!(retried::<Mended>(&store).await, (2, 0, 0));
    deposit(&store, "a", &[2, 3]).await;
    let last = store.head().await.unwrap().unwrap().position;
    let projector = Projector::<Ledger<Parks>>::new(store.clone());
    wait::within("it goes on", projector.wait_for(last, Duration::from_secs(60))).await.unwrap();
    assert_eq!(ledger(&store).await, expected([("a", &[PANICS, 1, 2, 3])]));
    shutdown.cancel();
    wait::within("an orderly end", running).await.unwrap().unwrap();
    assert_mended(&store).await;
}

/// Those of the live generation, where there is one.
async fn letters_now(store: &Arc<dyn Store>) -> Vec<es_core::DeadLetter> {
    let generations = store.generations().await.unwrap();
    match generations.iter().find(|found| found.state == GenerationState::Live) {
        Some(live) => store.letters(live.id, None, 9).await.unwrap(),
        None => Vec::new(),
    }
}

pub async fn a_discarded_letter_stays_away_also_in_a_rebuild(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, PANICS, 2, HAS_NO_KEY, 3]).await;
    let projector = caught_up::<Parks>(&store, 1_000).await;
    let place = |queue: LetterQueue, position| LetterPlace { queue, position };
    let log = whole_log(&store).await;
    let poison = place(LetterQueue::Key("a".into()), log[1].position);
    let other = place(LetterQueue::Key("b".into()), log[1].position);
    let outcome = projector.any().discard_letter(&other, "a mistake").await;
    assert!(matches!(outcome, Err(ProjectorError::NoLetter { .. })), "{outcome:?}");
    assert!(live(&store, "ledger").await.halt().is_none(), "to ask for what is not there halts nothing");
    let reason = "the bank\u{0} says: \"forget it\"";
    let went_on = projector.any().discard_letter(&poison, reason).await.unwrap();
    assert_eq!(went_on.settled, 1, "who waited behind it has gone on");
    let nobody = place(LetterQueue::Stream(stream("a")), log[3].position);
    projector.any().discard_letter(&nobody, "nobody's money").await.unwrap();
    assert_eq!(ledger(&store).await, expected([("a", &[1, 2, 3])]));
    assert_eq!(letters(&store).await, []);
    let comparison = projector.any().check(|_| ()).await.unwrap();
    assert!(matches!(comparison, Comparison::Identical { .. }), "{comparison:?}");
    projector.rebuild().await.unwrap();
    assert_eq!(ledger(&store).await, expected([("a", &[1, 2, 3])]));
    assert_eq!(letters(&store).await, []);
    Projector::<Ledger<Mended>>::new(store.clone()).rebuild().await.unwrap();
    assert_eq!(ledger(&store).await, expected([("a", &[1, 2, 3])]), "also by a program that could take it");
    let discarded = store.discarded(&id()).await.unwrap();
    let kept: Vec<_> = discarded.iter().map(|found| (found.place.clone(), found.reason.as_str())).collect();
    assert_eq!(kept, [(poison, reason), (nobody, "nobody's money")]);
}

pub async fn a_rebuild_gives_the_same_views_and_the_same_letters(subject: &dyn Subject) {
    let amounts = prop::sample::select(vec![1, 2, 3, PANICS, IS_NO_NUMBER, HAS_NO_KEY]);
    let deposits = prop::collection::vec((0..3_usize, amounts), 1..30);
    for_all(12, (deposits, 1..8_usize), async |(deposits, batch)| {
        let store = store(subject).await;
        let mut queues = BTreeMap::<&str, Vec<i64>>::new();
        for (account, cents) in deposits {
            let account = ["a", "b", "c"][account];
            deposit(&store, account, &[cents]).await;
            queues.entry(account).or_default().push(cents);
        }
        let projector = caught_up::<Parks>(&store, batch).await;
        let taken = |amounts: &Vec<i64>| -> Vec<i64> {
            amounts.iter().copied().take_while(|cents| *cents <= 3).collect()
        };
        let wanted: BTreeMap<_, _> = queues
            .iter()
            .map(|(account, amounts)| ((*account).to_owned(), taken(amounts)))
            .filter(|(_, amounts)| !amounts.is_empty())
            .collect();
        assert_eq!(ledger(&store).await, wanted);
        let (views, parked) = (ledger(&store).await, letters(&store).await);
        for bytes in HELD_BYTES {
            projector.any().clone().with_rebuild_bytes_max(bytes).rebuild(|_| ()).await.unwrap();
            let rebuilt = (ledger(&store).await, letters(&store).await);
            assert_eq!(rebuilt, (views.clone(), parked.clone()), "with {bytes} bytes held");
        }
        retried::<Mended>(&store).await;
        let all = queues.into_iter().map(|(account, amounts)| (account.to_owned(), amounts)).collect();
        assert_eq!(ledger(&store).await, all);
        assert_mended(&store).await;
    });
}

pub async fn a_lease_that_is_taken_over_ends_the_grant_but_not_a_pause(subject: &dyn Subject) {
    let store = store(subject).await;
    let lease = |takes_over| Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration: Duration::from_secs(3_600),
        begin: None,
        takes_over,
    };
    let first = store.acquire(&id(), lease(false)).await.unwrap().unwrap();
    assert_eq!(store.acquire(&id(), lease(false)).await.unwrap(), None);
    let second = store.acquire(&id(), lease(true)).await.unwrap().expect("it is taken over");
    assert!(second.epoch > first.epoch);
    let commit = |grant: &es_core::Grant| es_core::Commit::new(grant.clone(), grant.cursor);
    let fenced = store.commit(commit(&first)).await;
    assert!(matches!(fenced, Err(es_core::CommitError::Fenced { .. })), "{fenced:?}");
    store.commit(commit(&second)).await.unwrap();
    assert!(store.pause(&id()).await.unwrap());
    assert_eq!(store.acquire(&id(), lease(true)).await.unwrap(), None, "a pause is a person's word");
    let outcome = Projector::<Ledger<Mended>>::new(store.clone()).any().retry(None).await;
    assert!(matches!(outcome, Err(ProjectorError::Paused(_))), "{outcome:?}");
}
