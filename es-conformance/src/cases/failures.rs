//! What a projector failed with and tried again after is seen by all.

use super::checkpoints::{acquire, commit, generations_of, lease, ten_rows};
use super::projector::{assert_exact, balances, live, some_accounts};
use crate::fixtures::{Balances, CommitsLost, projection, store};
use crate::{Layer, Layered, Subject, wait};
use async_trait::async_trait;
use es_core::{
    CheckpointStore, CommitError, EventStore, Failure, GenerationState, Grant, Halt, Lease, Position,
    ProjectionId, Shard, Store, StoreError,
};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use GenerationState::{Building, Kept, Live};

const LONG: Duration = Duration::from_secs(50);

async fn failure_of(store: &Arc<dyn Store>, id: &ProjectionId) -> Option<Failure> {
    let all = generations_of(store, id).await;
    all.iter().find(|found| found.state == Live)?.failure().cloned()
}

/// The cause of the live generation's, and that of each of its checkpoints.
async fn causes(store: &Arc<dyn Store>, id: &ProjectionId) -> (Option<String>, Vec<Option<String>>) {
    let live = live(store, id.name()).await;
    let cause = |failure: &Failure| failure.cause.clone();
    let each = live.checkpoints.iter().map(|one| one.failure.as_ref().map(cause)).collect();
    (live.failure().map(cause), each)
}

pub async fn a_failure_is_kept_until_the_next_one(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("failing");
    let mut grant = acquire(&store, &id, Live).await;
    assert_eq!(failure_of(&store, &id).await, None);
    store.failed(&grant, "a deadlock \0 \u{1f512}").await.unwrap();
    let first = failure_of(&store, &id).await.expect("it is kept");
    assert_eq!(first.cause, "a deadlock \0 \u{1f512}");
    commit(&store, &mut grant, rows[0], Vec::new()).await.expect("it goes on");
    store.release(&grant, None).await.unwrap();
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[1], Vec::new()).await.unwrap();
    assert_eq!(failure_of(&store, &id).await.as_ref(), Some(&first));
    let halt = Halt { position: Position::START, cause: "halted".into() };
    store.release(&grant, Some(halt.clone())).await.unwrap();
    assert_eq!(live(&store, "failing").await.halt(), Some(&halt), "a halt is another matter");
    assert!(store.pause(&id).await.unwrap() && store.resume(&id).await.unwrap());
    assert_eq!(failure_of(&store, &id).await.as_ref(), Some(&first));

    let grant = store.acquire(&id, Lease { takes_over: true, ..lease(Live) }).await.unwrap().unwrap();
    assert_eq!(failure_of(&store, &id).await.as_ref(), Some(&first));
    store.failed(&grant, "busy").await.unwrap();
    let second = failure_of(&store, &id).await.unwrap();
    assert!(second.cause == "busy" && second.at >= first.at, "{first:?}, {second:?}");
    let building = acquire(&store, &id, Building).await;
    store.failed(&building, "slow").await.unwrap();
    assert_eq!(failure_of(&store, &id).await, Some(second), "each generation has its own");
    assert!(store.drop_generation(&id, Live).await.unwrap());
    acquire(&store, &id, Live).await;
    assert_eq!(failure_of(&store, &id).await, None, "it goes with its generation");
}

pub async fn a_former_owner_keeps_no_failure(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("failing");
    let former = acquire(&store, &id, Live).await;
    store.release(&former, None).await.unwrap();
    let mut owner = acquire(&store, &id, Live).await;
    store.failed(&former, "fenced").await.expect("nobody cares");
    assert_eq!(failure_of(&store, &id).await, None);
    store.failed(&owner, "busy").await.unwrap();
    let kept = failure_of(&store, &id).await;
    store.failed(&former, "fenced").await.unwrap();
    commit(&store, &mut owner, rows[0], Vec::new()).await.unwrap();
    assert_eq!(failure_of(&store, &id).await, kept);
    let mut built = acquire(&store, &id, Building).await;
    commit(&store, &mut built, rows[0], Vec::new()).await.unwrap();
    store.swap(&built).await.unwrap();
    store.failed(&owner, "replaced").await.unwrap();
    store.failed(&built, "swapped").await.unwrap();
    let found = generations_of(&store, &id).await;
    let found: Vec<_> = found.iter().map(|found| (found.state, found.failure().cloned())).collect();
    assert_eq!(found, [(Live, None), (Kept, kept)]);
    assert!(store.drop_generation(&id, Kept).await.unwrap());
    store.failed(&owner, "dropped").await.expect("of a generation that is gone");
}

async fn granted(store: &Arc<dyn Store>, id: &ProjectionId, shard: Shard) -> Grant {
    store.acquire(id, Lease { shard, ..lease(Live) }).await.unwrap().expect("nobody else holds the lease")
}

pub async fn failures_are_cut_and_merged_with_their_shards(subject: &dyn Subject) {
    let store = store(subject).await;
    let id = projection("failing");
    let some = |cause: &str| Some(cause.to_owned());
    let whole = acquire(&store, &id, Live).await;
    store.failed(&whole, "whole").await.unwrap();
    assert!(store.divide(&id, Live, 4).await.unwrap());
    assert_eq!(causes(&store, &id).await, (some("whole"), vec![some("whole"); 4]));
    store.failed(&whole, "fenced").await.unwrap();
    // The latest has neither the first slice nor the last.
    for number in [0, 3, 1] {
        let grant = granted(&store, &id, Shard::all(4).nth(number).unwrap()).await;
        wait::until("the store's clock moves", async || {
            store.failed(&grant, &number.to_string()).await.unwrap();
            causes(&store, &id).await.0 == some(&number.to_string())
        })
        .await;
    }
    assert_eq!(causes(&store, &id).await, (some("1"), vec![some("0"), some("1"), some("whole"), some("3")]));
    assert!(store.divide(&id, Live, 1).await.unwrap());
    acquire(&store, &id, Live).await;
    assert_eq!(causes(&store, &id).await, (some("1"), vec![some("1")]));
}

pub async fn what_a_projector_tried_again_after_is_seen_by_all(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 20).await;
    let lossy: Arc<dyn Store> =
        Arc::new(Layered(CommitsLost { below: store.clone(), commits: AtomicU32::new(0) }));
    runs_to_the_end(&lossy, &store).await;
    let live = live(&store, "balances").await;
    assert_eq!(live.halt(), None);
    let failure = live.failure().expect("others see it");
    assert!(failure.cause.contains("balances") && failure.cause.contains("the owner is gone"), "{failure:?}");
}

/// Follows the log as it is seen through `through`.
async fn runs_to_the_end(through: &Arc<dyn Store>, store: &Arc<dyn Store>) {
    let projector = balances(through).with_batch_events_max(15);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (projector, shutdown) = (projector.clone(), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    let head = store.head().await.unwrap().unwrap().position;
    projector.wait_for(head, LONG).await.unwrap();
    shutdown.cancel();
    wait::within("an orderly end", running).await.unwrap().unwrap();
    assert_exact::<Balances>(store).await;
}

/// Loses batches, and cannot keep why.
struct Forgetful(CommitsLost);

#[async_trait]
impl Layer for Forgetful {
    fn below(&self) -> &Arc<dyn Store> {
        self.0.below()
    }

    async fn commit(&self, commit: es_core::Commit) -> Result<(), CommitError> {
        self.0.commit(commit).await
    }

    async fn failed(&self, _: &Grant, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Unavailable { reason: "the store is down".into(), source: None })
    }
}

pub async fn a_failure_that_cannot_be_kept_holds_up_nobody(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 20).await;
    let lossy = CommitsLost { below: store.clone(), commits: AtomicU32::new(0) };
    runs_to_the_end(&(Arc::new(Layered(Forgetful(lossy))) as Arc<dyn Store>), &store).await;
    let live = live(&store, "balances").await;
    assert_eq!((live.failure(), live.halt()), (None, None));
}
