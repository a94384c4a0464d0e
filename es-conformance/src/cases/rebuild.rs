//! Rebuilding beside the live read model: the same views, and nobody sees half of them.

use super::checkpoints::{acquire, write};
use super::projector::{assert_exact, balances, live, some_accounts, views};
use crate::fixtures::{Balances, GivingWay, Owners, deposits, projection, store, whole_log};
use crate::layer::Layered;
use crate::{Subject, wait};
use es_core::{
    CheckpointStore, Commit, Comparison, Cursor, EventId, EventStore, Filter, GenerationState, Position,
    Projector, ProjectorError, Store,
};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often a rebuild is dropped on its way.
const CRASHES: u32 = 12;

/// Starts a rebuild and drops it after some polls, until one comes to its end.
async fn rebuild_with_crashes(store: &Arc<dyn Store>) -> u32 {
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    let mut crashes = 0;
    loop {
        let projector = balances(&slow).with_batch_events_max(3).with_lease(Duration::ZERO);
        let mut rebuild = Box::pin(projector.rebuild());
        let polls = if crashes < CRASHES { crashes * 3 } else { u32::MAX };
        for _ in 0..polls {
            match futures::poll!(&mut rebuild) {
                std::task::Poll::Ready(Ok(_)) => return crashes,
                std::task::Poll::Ready(Err(ProjectorError::Held(_))) => {
                    // The lease of the one that crashed is not over yet.
                    rebuild = Box::pin(projector.rebuild());
                }
                std::task::Poll::Ready(Err(error)) => panic!("{error:?}"),
                std::task::Poll::Pending => (),
            }
            tokio::task::yield_now().await;
        }
        crashes += 1;
    }
}

pub async fn pj_10_a_rebuild_beside_writers_equals_the_live_one(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 200).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (projector, shutdown) = (balances(&store), shutdown.clone());
        async move { projector.run(shutdown).await }
    });
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..15 {
                deposits(&store, &writer.to_string(), 1).await;
                tokio::task::yield_now().await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let crashes = wait::within("a rebuild", rebuild_with_crashes(&store)).await;
    assert!(crashes >= CRASHES, "it crashed {crashes} times");
    join_all(writers).await.into_iter().for_each(|outcome| outcome.unwrap());
    shutdown.cancel();
    running.await.unwrap().unwrap();
    balances(&store).catch_up().await.unwrap();
    assert_exact::<Balances>(&store).await;
    let lived = views::<Balances>(&store).await;
    balances(&store).rebuild().await.unwrap();
    assert_eq!(views::<Balances>(&store).await, lived, "a fresh rebuild, byte for byte");
}

pub async fn readers_never_see_half_a_rebuild(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 30).await;
    balances(&store).catch_up().await.unwrap();
    let before = views::<Balances>(&store).await;
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    let projector = balances(&slow).with_batch_events_max(5);
    let mut rebuild = Box::pin(projector.rebuild());
    let progress = loop {
        let polled = futures::poll!(&mut rebuild);
        assert_eq!(views::<Balances>(&store).await, before, "while it is built, and when it is swapped");
        if let std::task::Poll::Ready(outcome) = polled {
            break outcome.unwrap();
        }
        tokio::task::yield_now().await;
    };
    let head = store.head().await.unwrap().unwrap().position;
    assert_eq!((progress.position, progress.head), (head, head));
}

pub async fn a_rebuild_goes_on_where_it_was_killed(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 100).await;
    let building = || async {
        let all = store.generations().await.unwrap();
        all.into_iter().find(|one| one.state == GenerationState::Building)
    };
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    let projector = balances(&slow).with_batch_events_max(10).with_lease(Duration::ZERO);
    // It writes every batch.
    let projector = projector.any().clone().with_rebuild_bytes_max(0);
    let mut under_way = Box::pin(projector.rebuild(|_| ()));
    while building().await.is_none_or(|one| one.cursor().is_none()) {
        assert!(futures::poll!(&mut under_way).is_pending(), "ten batches are not one");
        tokio::task::yield_now().await;
    }
    drop(under_way);
    let left = building().await.expect("what was built stays");
    let progress = wait::within("the rest of the rebuild", async {
        loop {
            match projector.resume_rebuild(|_| ()).await {
                Err(ProjectorError::Held(_)) => tokio::task::yield_now().await,
                outcome => return outcome.unwrap(),
            }
        }
    })
    .await;
    assert!(progress.events < 100, "{} events were read again", progress.events);
    assert_eq!(live(&store, "balances").await.id, left.id);
    assert_exact::<Balances>(&store).await;
}

/// What a rebuild holds in memory before it writes: nothing, a view or two, some, all.
pub(super) const HELD_BYTES: [usize; 4] = [0, 300, 4_000, usize::MAX];

pub async fn pj_12_a_rebuild_that_holds_little_or_much_gives_the_same_views(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 60).await;
    balances(&store).catch_up().await.unwrap();
    Projector::<Owners>::new(store.clone()).catch_up().await.unwrap();
    let lived = (views::<Balances>(&store).await, views::<Owners>(&store).await);
    let head = store.head().await.unwrap().unwrap().position;
    for bytes in HELD_BYTES {
        for batch in [1, 7, 1_000] {
            let mut shown = Vec::new();
            let any = balances(&store).with_batch_events_max(batch).any().clone();
            let rebuilt = any.with_rebuild_bytes_max(bytes).rebuild(|now| shown.push(now)).await.unwrap();
            assert_eq!((rebuilt.position, rebuilt.events), (head, whole_log(&store).await.len() as u64));
            assert!(shown.is_sorted_by_key(|now| (now.position, now.events)), "{bytes} bytes: {shown:?}");
            let owners = Projector::<Owners>::new(store.clone()).with_batch_events_max(batch);
            owners.any().clone().with_rebuild_bytes_max(bytes).rebuild(|_| ()).await.unwrap();
            let again = (views::<Balances>(&store).await, views::<Owners>(&store).await);
            assert_eq!(again, lived, "{bytes} bytes, in batches of {batch}");
        }
    }
    assert_exact::<Balances>(&store).await;
}

pub async fn pj_19_a_rebuild_that_holds_views_can_be_gone_on_with_wherever_it_was_killed(
    subject: &dyn Subject,
) {
    let store = store(subject).await;
    some_accounts(&store, 40).await;
    balances(&store).catch_up().await.unwrap();
    let lived = views::<Balances>(&store).await;
    let slow: Arc<dyn Store> = Arc::new(Layered(GivingWay(store.clone())));
    for bytes in HELD_BYTES {
        let projector = balances(&slow).with_batch_events_max(5).with_lease(Duration::ZERO);
        let rebuilder = projector.any().clone().with_rebuild_bytes_max(bytes);
        let mut killed = 0;
        let rebuilt = async {
            loop {
                let mut under_way = Box::pin(rebuilder.resume_rebuild(|_| ()));
                for _ in 0..10 + killed * 15 {
                    match futures::poll!(&mut under_way) {
                        std::task::Poll::Ready(Err(ProjectorError::Held(_) | ProjectorError::Fenced(_))) => {
                            break;
                        }
                        std::task::Poll::Ready(outcome) => return outcome.unwrap(),
                        std::task::Poll::Pending => tokio::task::yield_now().await,
                    }
                }
                killed += 1;
            }
        };
        wait::within("a rebuild", rebuilt).await;
        assert!(killed > 0, "{bytes} bytes: it was never killed");
        assert_eq!(views::<Balances>(&store).await, lived, "{bytes} bytes");
    }
}

pub async fn a_rebuild_that_was_killed_is_begun_anew(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 20).await;
    let grant = acquire(&store, &projection("balances"), GenerationState::Building).await;
    let writes = vec![write("left by another program", "{}")];
    let to = store.read_all(Position::START, &Filter::default(), 5).await.unwrap().cursor;
    store.commit(Commit { grant: grant.clone(), to, writes, letters: Vec::new() }).await.unwrap();
    store.release(&grant, None).await.unwrap();
    let progress = balances(&store).rebuild().await.unwrap();
    assert_eq!(progress.events, 20, "all events were read");
    assert_exact::<Balances>(&store).await;
}

pub async fn a_rebuild_mends_a_read_model_of_another_history(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    let grant = acquire(&store, &projection("balances"), GenerationState::Live).await;
    let lost = Cursor { position: Position::new(1_000), event_id: EventId::new(Uuid::now_v7()) };
    let writes = vec![write("of a log that is gone", "{}")];
    store.commit(Commit { grant: grant.clone(), to: Some(lost), writes, letters: Vec::new() }).await.unwrap();
    store.release(&grant, None).await.unwrap();
    assert!(balances(&store).catch_up().await.is_err());
    wait::within("the rebuild", balances(&store).rebuild()).await.unwrap();
    assert_exact::<Balances>(&store).await;
}

pub async fn one_rebuild_at_a_time(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    let grant = acquire(&store, &projection("balances"), GenerationState::Building).await;
    assert!(matches!(balances(&store).rebuild().await, Err(ProjectorError::Held(_))));
    store.release(&grant, None).await.unwrap();
    balances(&store).rebuild().await.unwrap();
    assert_exact::<Balances>(&store).await;
}

pub async fn a_check_finds_the_view_that_differs(subject: &dyn Subject) {
    let store = store(subject).await;
    some_accounts(&store, 20).await;
    let owners = Projector::<Owners>::new(store.clone());
    match owners.any().check(|_| ()).await.unwrap() {
        Comparison::Identical { compared, .. } => {
            assert_eq!(compared as usize, views::<Owners>(&store).await.len());
        }
        Comparison::Different(_) => panic!("the live one is right"),
    }
    let grant = acquire(&store, &projection("owners"), GenerationState::Live).await;
    let writes = vec![write("4", r#"{"owner":"Mallory","deposits":1}"#)];
    store
        .commit(Commit { grant: grant.clone(), to: grant.cursor, writes, letters: Vec::new() })
        .await
        .unwrap();
    store.release(&grant, None).await.unwrap();
    match owners.any().check(|_| ()).await.unwrap() {
        Comparison::Different(difference) => assert_eq!(difference.key, "4"),
        Comparison::Identical { .. } => panic!("a view was changed by hand"),
    }
    assert_eq!(store.generations().await.unwrap().len(), 1, "what was built for a check is dropped");
    owners.rebuild().await.unwrap();
    assert_exact::<Owners>(&store).await;
}
