//! Projectors: each event once, whoever vanishes when.

use crate::fixtures::{
    Account, AccountEvent, Balances, CommitsLost, Counted, Deposit, Owners, Paused, Pauses, Vanishing,
    deposits, folded, instance, projection, promised, recorded, store, whole_log,
};
use crate::layer::Layered;
use crate::{Subject, wait};
use es_core::{
    CheckpointStore, EventStore, Filter, Generation, KeyError, Position, Projection, Projector,
    ProjectorError, Recorded, Repository, Store, ViewStore,
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const SHORT_LEASE: Duration = Duration::from_millis(25);
const LONG: Duration = Duration::from_secs(50);

pub(super) fn balances(store: &Arc<dyn Store>) -> Projector<Balances> {
    Projector::new(store.clone()).with_poll_interval(Duration::from_millis(5))
}

/// All views of the live generation.
pub(super) async fn views<P: Projection>(store: &Arc<dyn Store>) -> Vec<(String, String)> {
    let id = es_core::ProjectionId::new(P::NAME, P::VERSION).unwrap();
    store.views(&id, None, 100_000).await.unwrap()
}

pub(super) async fn assert_exact<P: Projection>(store: &Arc<dyn Store>) {
    assert_eq!(
        views::<P>(store).await,
        folded::<P>(whole_log(store).await),
        "each event is applied once, in order"
    );
}

pub(super) async fn live(store: &Arc<dyn Store>, name: &str) -> Generation {
    let all = store.generations().await.unwrap();
    all.into_iter().find(|generation| generation.projection == projection(name)).unwrap()
}

/// Some accounts with some deposits.
pub(super) async fn some_accounts(store: &Arc<dyn Store>, rounds: usize) {
    for round in 0..rounds {
        let key = (round % 5).to_string();
        let opened = AccountEvent::Opened { owner: format!("owner {round}") };
        let cents = i64::try_from(round).unwrap();
        recorded(store, &key, [opened, AccountEvent::Deposited { cents }]).await;
        if round % 7 == 6 {
            recorded(store, &key, [AccountEvent::Closed]).await;
        }
    }
}

pub async fn a_read_model_has_every_event_once(subject: &dyn Subject) {
    let store = store(subject).await;
    let (balances, owners) = (balances(&store), Projector::<Owners>::new(store.clone()));
    assert_eq!(balances.catch_up().await.unwrap(), Position::START);
    assert!(views::<Balances>(&store).await.is_empty());
    for rounds in [1, 20, 9] {
        some_accounts(&store, rounds).await;
        let head = store.head().await.unwrap().unwrap();
        assert_eq!(balances.catch_up().await.unwrap(), head.position);
        owners.catch_up().await.unwrap();
        assert_exact::<Balances>(&store).await;
        assert_exact::<Owners>(&store).await;
        assert_eq!(live(&store, "balances").await.cursor(), Some(head));
    }
    let listed = owners.list(None, 100).await.unwrap();
    assert_eq!(listed.len(), folded::<Owners>(whole_log(&store).await).len());
    assert_eq!(owners.list(Some(&listed[0].0), 1).await.unwrap(), listed[1..2]);
    assert_eq!(live(&store, "balances").await.owner(), None, "the lease was given back");
}

pub async fn a_view_that_is_deleted_starts_anew(subject: &dyn Subject) {
    let store = store(subject).await;
    let owners = Projector::<Owners>::new(store.clone()).with_batch_events_max(2);
    let opened = |owner: &str| AccountEvent::Opened { owner: owner.into() };
    let deposited = AccountEvent::Deposited { cents: 1 };
    recorded(&store, "a", [opened("Ada"), deposited.clone(), AccountEvent::Closed]).await;
    owners.catch_up().await.unwrap();
    assert_eq!(owners.get(&"a".to_owned()).await.unwrap(), None);
    recorded(
        &store,
        "a",
        [opened("Bob"), deposited.clone(), AccountEvent::Closed, opened("Cleo"), deposited],
    )
    .await;
    owners.catch_up().await.unwrap();
    let view = owners.get(&"a".to_owned()).await.unwrap();
    assert_eq!(view, Some(Owners { owner: "Cleo".into(), deposits: 1 }));
}

pub async fn pj_01_a_batch_that_was_lost_around_its_commit_is_applied_once(subject: &dyn Subject) {
    let store = store(subject).await;
    let lossy: Arc<dyn Store> = Arc::new(Layered(CommitsLost { below: store.clone(), commits: 0.into() }));
    for rounds in [13, 8] {
        some_accounts(&store, rounds).await;
        let mut failures = 0;
        while let Err(error) = balances(&lossy).with_batch_events_max(3).catch_up().await {
            assert!(error.is_transient(), "{error:?}");
            failures += 1;
            assert!(failures < 1_000, "it never catches up");
        }
        assert!(failures > 2);
        assert_exact::<Balances>(&store).await;
    }
}

pub async fn pj_01_an_owner_that_vanishes_anywhere_leaves_exact_counts(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    let head = store.head().await.unwrap().unwrap().position;
    let mut polls = 0;
    while live_position(&store).await < head {
        polls += 1;
        let (vanishing, vanish) = Vanishing::after(polls, store.clone());
        let vanishing: Arc<dyn Store> = Arc::new(Layered(vanishing));
        let projector = balances(&vanishing).with_batch_events_max(4).with_lease(Duration::ZERO);
        tokio::select! {
            () = vanish.notified() => {}
            caught_up = projector.catch_up() => drop(caught_up.unwrap()),
        }
    }
    wait::within("catching up behind the vanished", balances(&store).catch_up()).await.unwrap();
    assert_exact::<Balances>(&store).await;
}

async fn live_position(store: &Arc<dyn Store>) -> Position {
    let all = store.generations().await.unwrap();
    all.first().map_or(Position::START, Generation::position)
}

pub async fn pj_02_of_five_owners_with_short_leases_only_one_writes(subject: &dyn Subject) {
    let store = store(subject).await;
    let pauses = Arc::<Pauses>::default();
    let shutdown = CancellationToken::new();
    let owners = (0..5).map(|_| {
        let paused: Arc<dyn Store> =
            Arc::new(Layered(Paused { below: store.clone(), pauses: pauses.clone() }));
        let projector = balances(&paused).with_batch_events_max(5).with_lease(SHORT_LEASE);
        let shutdown = shutdown.clone();
        tokio::spawn(async move { projector.run(shutdown).await })
    });
    let owners: Vec<_> = owners.collect();
    for round in 0..60 {
        deposits(&store, &(round % 3).to_string(), 3).await;
    }
    let head = store.head().await.unwrap().unwrap().position;
    balances(&store).wait_for(head, LONG).await.unwrap();
    for round in 0.. {
        if pauses.zombies.load(Ordering::SeqCst) >= 2 {
            break;
        }
        let last = deposits(&store, &(round % 3).to_string(), 1).await.position;
        balances(&store).wait_for(last, LONG).await.unwrap();
    }
    shutdown.cancel();
    for owner in wait::within("the owners", join_all(owners)).await {
        owner.unwrap().unwrap();
    }
    let [zombies, fenced] = [&pauses.zombies, &pauses.fenced].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(fenced, zombies, "an owner that was taken over writes nothing");
    balances(&store).catch_up().await.unwrap();
    assert_exact::<Balances>(&store).await;
}

pub async fn pj_12_batches_of_any_size_give_the_same_views(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 60).await;
    balances(&store).with_batch_events_max(1).catch_up().await.unwrap();
    Projector::<Owners>::new(store.clone()).with_batch_events_max(1).catch_up().await.unwrap();
    let first = (views::<Balances>(&store).await, views::<Owners>(&store).await);
    assert_exact::<Balances>(&store).await;
    assert_exact::<Owners>(&store).await;
    for size in [7, 1_000] {
        balances(&store).with_batch_events_max(size).rebuild().await.unwrap();
        Projector::<Owners>::new(store.clone()).with_batch_events_max(size).rebuild().await.unwrap();
        let again = (views::<Balances>(&store).await, views::<Owners>(&store).await);
        assert_eq!(again, first, "in batches of {size}");
    }
}

/// Wants what never happens.
#[derive(Default, Serialize, Deserialize)]
struct Idle;

impl Projection for Idle {
    const NAME: &'static str = "idle";
    type Event = AccountEvent;
    type Key = String;

    fn filter() -> Filter {
        Filter::default().category("nobody")
    }

    fn keys(_: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Err::<[String; 1], _>(KeyError::new("expected nothing, found an event"))
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> es_core::Fate {
        es_core::Fate::Keep
    }
}

pub async fn pj_14_a_projection_that_wants_nothing_still_advances(subject: &dyn Subject) {
    let store = store(subject).await;
    for _ in 0..3 {
        deposits(&store, "a", 2_000).await;
    }
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Layered(Counted { below: store.clone(), reads: reads.clone() });
    let idle = Projector::<Idle>::new(counted);
    idle.catch_up().await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(live(&store, "idle").await.cursor(), head, "what was passed over is finished");
    reads.store(0, Ordering::SeqCst);
    idle.catch_up().await.unwrap();
    let again = reads.load(Ordering::SeqCst);
    assert!(again <= 2, "after a restart nothing is read again: {again} pages");
}

pub async fn pj_22_a_stalled_projection_says_how_far_behind_it_is(subject: &dyn Subject) {
    let store = store(subject).await;
    let before = deposits(&store, "a", 2).await.position;
    let balances = balances(&store);
    let behind = |outcome, at| match outcome {
        Err(ProjectorError::Behind { found, wanted, .. }) => assert_eq!((found, wanted), at),
        other => panic!("expected Behind, found {other:?}"),
    };
    behind(balances.wait_for(before, Duration::ZERO).await, (Position::START, before));
    balances.catch_up().await.unwrap();
    balances.wait_for(before, Duration::ZERO).await.unwrap();
    let after = deposits(&store, "a", 1).await.position;
    behind(balances.wait_for(after, Duration::from_millis(20)).await, (before, after));
}

pub async fn one_reads_ones_own_writes(subject: &dyn Subject) {
    let store = store(subject).await;
    let (projector, shutdown) = (balances(&store), CancellationToken::new());
    let running = tokio::spawn({
        let (projector, shutdown) = (projector.clone(), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    let accounts = Repository::<Account>::new(store.clone());
    for round in 1..=20_i64 {
        let committed = accounts.execute("a".to_owned(), Deposit { cents: 1 }).await.unwrap();
        projector.wait_for(committed.position, LONG).await.unwrap();
        let view = projector.get(&"a".to_owned()).await.unwrap().unwrap();
        assert_eq!((view.cents, view.events), (round, round.cast_unsigned()));
    }
    shutdown.cancel();
    wait::within("an orderly end", running).await.unwrap().unwrap();
    assert_eq!(live(&store, "balances").await.owner(), None, "the lease was given back");
}

pub async fn a_projector_does_not_skip_what_commits_late(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    let balances = balances(&store);
    for round in 0..3 {
        let held = promised(instance.hold_next_append().await);
        let late = tokio::spawn({
            let store = store.clone();
            async move { deposits(&store, "late", 2).await }
        });
        held.under_way().await;
        let early = deposits(&store, "early", 1).await;
        balances.catch_up().await.unwrap();
        held.commit().await;
        let late = late.await.unwrap();
        let last = early.position.max(late.position);
        wait::until("both are read", async || {
            balances.catch_up().await.unwrap();
            live_position(&store).await >= last
        })
        .await;
        assert_exact::<Balances>(&store).await;
        assert_eq!(views::<Balances>(&store).await.len(), 3, "round {round}");
    }
}
