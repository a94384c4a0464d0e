//! Shards: a projection divided among workers, and divided anew while they work, has each event once.

use super::checkpoints::{commit, generations_of, lease};
use super::dead_letters::program::{HAS_NO_KEY, Halts, Ledger, Mended, PANICS, Parks};
use super::dead_letters::{self, deposit, expected, ledger, seen};
use super::projector::{assert_exact, balances, live, some_accounts, views};
use crate::fixtures::{Balances, GivingWay, Owners, deposits, folded, projection, store, whole_log};
use crate::layer::Layered;
use crate::{Subject, wait};
use es_core::{
    CheckpointStore, Claim, Cursor, EventStore, GenerationState, LetterQueue, Projection, ProjectionId,
    Projector, ProjectorError, Shard, Slices, Store, StoreError,
};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use GenerationState::Live;

/// A process that works on the shards of a projection.
struct Process {
    shutdown: CancellationToken,
    running: JoinHandle<Result<(), ProjectorError>>,
}

impl Process {
    fn start<P: Projection>(projector: Projector<P>) -> Self {
        let shutdown = CancellationToken::new();
        let running = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { projector.any().attend(shutdown).await }
        });
        Self { shutdown, running }
    }

    async fn end(self) -> Result<(), ProjectorError> {
        self.shutdown.cancel();
        wait::within("the end of a process", self.running).await.unwrap()
    }
}

/// How many shards each owner has.
async fn shares(store: &Arc<dyn Store>, name: &str) -> Vec<usize> {
    let mut counts = BTreeMap::<_, usize>::new();
    for checkpoint in live(store, name).await.checkpoints {
        if let Some(owner) = checkpoint.owner {
            *counts.entry(owner).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// The live read model's shards are put together, and all follow the log.
async fn is_whole(store: &Arc<dyn Store>, shards: u16) -> bool {
    let live = live(store, Balances::NAME).await;
    let head = store.head().await.unwrap().unwrap();
    (live.shards, live.checkpoints.len()) == (shards, usize::from(shards))
        && live.checkpoints.iter().all(|checkpoint| checkpoint.cursor == Some(head))
}

fn sharded(store: &Arc<dyn Store>, shards: u16) -> Projector<Balances> {
    balances(store).with_shards(shards).with_lease(Duration::from_millis(400))
}

pub async fn pj_24_shards_1_to_4_to_2_while_they_work_lose_and_repeat_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 40).await;
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    let processes: Vec<_> =
        (0..2).map(|_| Process::start(sharded(&slow, 1).with_batch_events_max(7))).collect();
    wait::until("a process has begun", async || !generations_of(&store, &id()).await.is_empty()).await;
    for shards in [4, 2, 3, 1] {
        let writers = join_all((0..4).map(|writer| {
            let store = &store;
            async move {
                for round in 0..10 {
                    deposits(store, &format!("{shards}-{writer}-{}", round % 3), 2).await;
                }
            }
        }));
        let projector = balances(&store);
        let divided = projector.any().divide(shards);
        let (_, divided) = tokio::join!(writers, divided);
        assert!(divided.unwrap());
        wait::until("all shards follow the log", async || is_whole(&store, shards).await).await;
        assert_exact::<Balances>(&store).await;
    }
    for process in processes {
        process.end().await.unwrap();
    }
}

fn id() -> ProjectionId {
    projection(Balances::NAME)
}

pub async fn pj_24_processes_share_the_shards_and_take_over_those_of_one_that_ends(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 20).await;
    let first = Process::start(sharded(&store, 4));
    wait::until("the first has all", async || {
        !generations_of(&store, &id()).await.is_empty() && shares(&store, Balances::NAME).await == [4]
    })
    .await;
    let second = Process::start(sharded(&store, 4));
    wait::until("each has two", async || shares(&store, Balances::NAME).await == [2, 2]).await;
    some_accounts(&store, 20).await;
    first.end().await.unwrap();
    wait::until("the second has all", async || shares(&store, Balances::NAME).await == [4]).await;
    some_accounts(&store, 20).await;
    wait::until("all shards follow the log", async || is_whole(&store, 4).await).await;
    assert_exact::<Balances>(&store).await;
    second.end().await.unwrap();
}

pub async fn pj_12_any_number_of_shards_gives_the_same_views(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    for shards in [1, 2, 3, 7, 40] {
        store.drop_generation(&id(), Live).await.unwrap();
        let projector = balances(&store).with_shards(shards).with_batch_events_max(11);
        projector.catch_up().await.unwrap();
        assert!(is_whole(&store, shards).await, "{shards}");
        assert_exact::<Balances>(&store).await;
    }
}

pub async fn pj_12_any_number_of_workers_rebuilds_the_same_views(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    balances(&store).with_shards(3).catch_up().await.unwrap();
    for workers in [1, 2, 4, 9] {
        some_accounts(&store, 3).await;
        balances(&store).catch_up().await.unwrap();
        let lived = views::<Balances>(&store).await;
        let projector = balances(&store).with_batch_events_max(11);
        let rebuilder = projector.any().clone().with_rebuild_workers(workers);
        let progress = rebuilder.rebuild(|_| ()).await.unwrap();
        assert_eq!(progress.events, whole_log(&store).await.len() as u64, "each event is read once");
        assert_eq!(views::<Balances>(&store).await, lived, "with {workers} workers");
        // What it was built in is put together when its workers begin.
        assert_eq!(live(&store, Balances::NAME).await.shards, 3, "it is divided as the one before");
        balances(&store).catch_up().await.unwrap();
        assert!(is_whole(&store, 3).await);
    }
}

pub async fn pj_19_a_rebuild_with_workers_that_is_killed_anywhere_can_be_gone_on_with(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    balances(&store).catch_up().await.unwrap();
    let lived = views::<Balances>(&store).await;
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    let projector = balances(&slow).with_batch_events_max(9).with_lease(Duration::ZERO);
    // They write every batch.
    let rebuilder = projector.any().clone().with_rebuild_workers(3).with_rebuild_bytes_max(0);
    let mut killed = 0;
    let rebuilt = async {
        loop {
            let mut under_way = Box::pin(rebuilder.resume_rebuild(|_| ()));
            for _ in 0..20 + killed * 12 {
                match futures::poll!(&mut under_way) {
                    std::task::Poll::Ready(Err(ProjectorError::Held(_) | ProjectorError::Fenced(_))) => break,
                    std::task::Poll::Ready(outcome) => return outcome.unwrap(),
                    std::task::Poll::Pending => tokio::task::yield_now().await,
                }
            }
            killed += 1;
        }
    };
    wait::within("a rebuild", rebuilt).await;
    assert!(killed > 3, "{killed}");
    assert_eq!(views::<Balances>(&store).await, lived);
    balances(&store).catch_up().await.unwrap();
    assert!(is_whole(&store, 1).await);
}

pub async fn a_rebuild_with_a_limit_takes_its_time(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 40).await;
    let projector = balances(&store).with_batch_events_max(10);
    let slow = projector.any().clone().with_rebuild_rate_max(200).with_rebuild_workers(2);
    let progress = slow.rebuild(|_| ()).await.unwrap();
    assert_eq!(progress.events, 40);
    // It need not wait behind the last batch.
    assert!(progress.elapsed >= Duration::from_millis(150), "{:?}", progress.elapsed);
    assert_exact::<Balances>(&store).await;
}

pub async fn a_shard_parks_its_keys_and_they_are_retried_there(subject: &dyn Subject) {
    let store = store(subject).await;
    for account in ["a", "b", "c", "d", "e"] {
        deposit(&store, account, &[1, PANICS, 2]).await;
    }
    let letters = |key: &str| [(format!("key:{key}"), 2, 1, false), (format!("key:{key}"), 3, 0, true)];
    let parks = || Projector::<Ledger<Parks>>::new(store.clone()).with_shards(4);
    let used: BTreeSet<_> =
        ["a", "b", "c", "d", "e"].map(|key| Shard::with(Slices::of_key(key), 4).number()).into();
    assert!(used.len() > 1, "they are of several shards");
    parks().catch_up().await.unwrap();
    let all: Vec<_> = ["a", "b", "c", "d", "e"].iter().flat_map(|key| letters(key)).collect();
    assert_eq!(dead_letters::letters(&store).await, all);
    parks().any().divide(2).await.unwrap();
    parks().catch_up().await.unwrap();
    let one = LetterQueue::Key("b".to_owned());
    let mended = Projector::<Ledger<Mended>>::new(store.clone());
    assert_eq!(mended.any().retry(Some(&one)).await.unwrap().settled, 2);
    let retried = mended.any().retry(None).await.unwrap();
    assert_eq!((retried.settled, retried.failed, retried.waiting), (8, 0, 0));
    let amounts = ["a", "b", "c", "d", "e"].map(|key| (key, &[1, PANICS, 2][..]));
    assert_eq!(ledger(&store).await, expected(amounts));
}

pub async fn of_several_shards_none_parks_what_has_no_key(subject: &dyn Subject) {
    let store = store(subject).await;
    deposit(&store, "a", &[1, HAS_NO_KEY, 2]).await;
    let parks = || Projector::<Ledger<Parks>>::new(store.clone());
    parks().catch_up().await.unwrap();
    let waiting = seen([("stream:account-a", 2, 1, false), ("stream:account-a", 3, 0, true)]);
    assert_eq!(dead_letters::letters(&store).await, waiting);
    let refused = parks().any().divide(2).await;
    let expected_refusal = matches!(&refused, Err(ProjectorError::Store { source: StoreError::Unusable(reason), .. })
        if reason.contains("several shards"));
    assert!(expected_refusal, "{refused:?}");
    parks().with_shards(2).any().rebuild(|_| ()).await.unwrap();
    assert_eq!(live(&store, "ledger").await.shards, 1, "a stream waits");

    store.drop_generation(&dead_letters::id(), Live).await.unwrap();
    let halted = parks().with_shards(2).catch_up().await;
    assert!(matches!(halted, Err(ProjectorError::NoKey { .. })), "{halted:?}");
    let found = live(&store, "ledger").await;
    assert!(found.checkpoints.iter().all(|one| one.halt.is_some()) && found.dead_letters == 0, "{found:?}");
}

pub async fn a_projector_of_shards_checks_what_it_has(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    let projector = Projector::<Owners>::new(store.clone()).with_shards(5).with_batch_events_max(8);
    projector.catch_up().await.unwrap();
    let log = whole_log(&store).await;
    assert_eq!(views::<Owners>(&store).await, folded::<Owners>(log));
    let head: Cursor = store.head().await.unwrap().unwrap();
    let comparison = projector.any().check(|_| ()).await.unwrap();
    assert!(
        matches!(comparison, es_core::Comparison::Identical { position, .. } if position == head.position),
        "{comparison:?}"
    );
    assert_eq!(Shard::claim(&[Some(head)]), Claim::Whole);
}

pub async fn a_shard_that_halted_is_told_beside_one_that_is_held(subject: &dyn Subject) {
    let store = store(subject).await;
    let [halts, goes_on] = two_shards();
    deposit(&store, &halts, &[1, PANICS, 2]).await;
    let halting = || Projector::<Ledger<Halts>>::new(store.clone()).with_shards(2);
    halting().catch_up().await.unwrap_err();
    // Another process holds the other shard.
    let shard = Shard::with(Slices::of_key(&goes_on), 2);
    let held = es_core::Lease { shard, ..lease(Live) };
    let mut held = store.acquire(&dead_letters::id(), held).await.unwrap().unwrap();
    let head = store.head().await.unwrap().unwrap();
    commit(&store, &mut held, head, Vec::new()).await.unwrap();
    let told = wait::within("what halted", halting().catch_up()).await;
    assert!(matches!(&told, Err(ProjectorError::OwnCode { .. })), "{told:?}");
}

/// Two keys of different shards of two.
fn two_shards() -> [String; 2] {
    let of = |number| {
        let keys = (0..).map(|number| number.to_string());
        keys.into_iter().find(|key| Shard::with(Slices::of_key(key), 2).number() == number).unwrap()
    };
    [of(0), of(1)]
}

pub async fn a_halt_in_a_part_of_a_shard_waits_for_a_person(subject: &dyn Subject) {
    let store = store(subject).await;
    let [goes_on, halts] = two_shards();
    deposit(&store, &goes_on, &[1, 2]).await;
    deposit(&store, &halts, &[1, PANICS, 2]).await;
    let halting =
        || Projector::<Ledger<Halts>>::new(store.clone()).with_poll_interval(Duration::from_millis(5));
    halting().with_shards(2).catch_up().await.unwrap_err();
    halting().any().divide(1).await.unwrap();
    let before = live(&store, "ledger").await.epoch();
    let process = Process::start(halting());
    let tried = async || {
        let live = live(&store, "ledger").await;
        live.epoch() > before && live.owner().is_none() && live.halt().is_some()
    };
    wait::until("it has tried, and halts", tried).await;
    let epoch = live(&store, "ledger").await.epoch();
    let mut looks = wait::looks();
    for _ in 0..50 {
        looks.tick().await;
    }
    let now = live(&store, "ledger").await;
    assert_eq!((now.epoch(), now.halt().is_some()), (epoch, true), "it was tried once");
    process.end().await.unwrap_err();
}
