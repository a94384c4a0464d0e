//! Calls that are dropped half way: by a time-out, by a `select!` that another branch wins, by a task that is aborted.

use super::ground::{Plain, answer, database, log, open, options, places, until};
use es_core::{
    AppendError, CheckpointStore, Commit, CommitError, Cursor, EventStore, Filter, GenerationState, Lease,
    Position, ProjectionId, SnapshotStore, StoreError, StreamRange, ViewStore, ViewWrite,
};
use es_postgres::{Pooler, PostgresStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tests::tally;
use uuid::Uuid;

const LANES: i64 = 2;
const CONNECTIONS: i64 = 4;
/// How many calls are under way at the same time.
const TASKS: u64 = 16;

#[derive(Default)]
struct Counts {
    next: AtomicU64,
    dropped: AtomicU64,
    finished: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_21_8_000_dropped_calls_leave_no_connection_in_a_transaction() {
    drop_calls(8_000, Pooler::None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_21_2_000_dropped_calls_of_three_round_trips_each_leave_none_either() {
    drop_calls(2_000, Pooler::LegacyTransaction).await;
}

async fn drop_calls(wanted: u64, pooler: Pooler) {
    let Some(database) = database().await else { return };
    let settings = options(database.url()).pooler(pooler);
    let settings = settings.lanes(LANES as usize).connections(CONNECTIONS as usize);
    let store = open(&settings.without_notifications()).await;
    let counts = Arc::new(Counts::default());
    let mut plain = Plain::connect(database.url()).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(drop_some(store.clone(), task, wanted, Arc::clone(&counts))))
        .collect();
    let mut most = 0;
    while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(plain.others("true").await);
    }
    for task in tasks {
        answer("a task", task).await.unwrap();
    }
    let (dropped, finished) =
        (counts.dropped.load(Ordering::Relaxed), counts.finished.load(Ordering::Relaxed));
    println!("{dropped} calls dropped, {finished} finished, at most {most} connections");
    assert!(dropped >= wanted && finished > 0);

    // One that was dropped while it connected may end a little after its place was given to another.
    assert!(most <= 2 * (LANES + CONNECTIONS), "{most} connections");
    until("only the connections that it may have are left", async || {
        plain.others("true").await <= LANES + CONNECTIONS
    })
    .await;
    until("no connection is in a transaction", async || plain.others("state <> 'idle'").await == 0).await;
    is_well(&store).await;
    until("no connection is left in a transaction", async || {
        plain.others("state LIKE 'idle in%'").await == 0
    })
    .await;
}

/// Everything works, on every connection.
async fn is_well(store: &PostgresStore) {
    let all = (0..64).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let stream = tally::stream(&format!("after-{number}"));
            store.append(tally::append(&stream, 1)).await.unwrap();
            assert_eq!(store.read(&stream, StreamRange::default()).await.unwrap().events.len(), 1);
            store.head().await.unwrap().unwrap();
        })
    });
    for task in all.collect::<Vec<_>>() {
        answer("a call after the faults", task).await.unwrap();
    }
    // Every number once, dropped or not.
    places(&log(store).await);
}

async fn drop_some(store: PostgresStore, task: u64, wanted: u64, counts: Arc<Counts>) {
    let mut dice = fastrand::Rng::with_seed(task);
    while counts.dropped.load(Ordering::Relaxed) < wanted {
        let number = counts.next.fetch_add(1, Ordering::Relaxed);
        let call = call(store.clone(), dice.u32(..10), task, number);
        let finished = match dice.u8(..3) {
            0 => tokio::time::timeout(Duration::from_micros(dice.u64(..400)), call).await.is_ok(),
            1 => tokio::select! {
                biased;
                () = call => true,
                () = turns(dice.u32(..12)) => false,
            },
            _ => {
                let running = tokio::spawn(call);
                turns(dice.u32(..12)).await;
                running.abort();
                match running.await {
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    finished => finished.is_ok(),
                }
            }
        };
        let count = if finished { &counts.finished } else { &counts.dropped };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets others run so many times.
async fn turns(count: u32) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// One call of every kind; each ends well if nobody drops it.
async fn call(store: PostgresStore, kind: u32, task: u64, number: u64) {
    let stream = tally::stream(&format!("task-{task}"));
    let projection = ProjectionId::new(&format!("dropped_{task}"), 1).unwrap();
    match kind {
        0..=2 => match store.append(tally::append(&stream, number)).await {
            Ok(appended) => assert!(!appended.repeated),
            Err(error) => panic!("{error:?}"),
        },
        3 => drop(store.read(&stream, StreamRange::default()).await.unwrap()),
        4 => drop(store.read_all(Position::START, &Filter::default(), 10).await.unwrap()),
        5 => drop(store.view(&projection, "key").await.unwrap()),
        6 => drop(store.load(&stream, 1).await.unwrap()),
        7 => drop(store.generations().await.unwrap()),
        8 => drop(store.head().await.unwrap()),
        _ => commit(store, projection, number).await,
    }
}

/// Takes the lease and commits a view. A call that was dropped may have committed, but never half.
async fn commit(store: PostgresStore, projection: ProjectionId, number: u64) {
    let lease = Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration: Duration::ZERO,
        begin: None,
        takes_over: false,
    };
    let Some(grant) = store.acquire(&projection, lease).await.unwrap() else { return };
    let position = grant.position().value() + 1;
    let to = Cursor {
        position: Position::new(position),
        event_id: tally::event_id(&tally::stream("none"), position),
    };
    let view = ViewWrite { key: "key".into(), view: Some(number.to_string()) };
    match store.commit(Commit { grant, to: Some(to), writes: vec![view], letters: Vec::new() }).await {
        // The one before was dropped here, and committed a little later.
        Ok(()) | Err(CommitError::Fenced { .. }) => (),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_21_an_append_that_was_dropped_is_stored_once_when_it_is_sent_again() {
    let Some(database) = database().await else { return };
    let store = open(&options(database.url())).await;
    let stream = tally::stream("again");
    let mut dice = fastrand::Rng::with_seed(21);
    let mut repeated = 0;
    for number in 0..500 {
        let first = store.append(tally::append(&stream, number));
        let given_up = tokio::time::timeout(Duration::from_micros(dice.u64(..1_000)), first).await;
        let again = store.append(tally::append(&stream, number)).await;
        match (given_up, again) {
            (Ok(first), again) => assert_eq!(first.unwrap().position, again.unwrap().position),
            (Err(_), Ok(again)) => repeated += u32::from(again.repeated),
            (Err(_), Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))) => panic!("nothing failed"),
            (Err(_), Err(error)) => panic!("{error:?}"),
        }
    }
    println!("{repeated} of 500 were stored although they were dropped");
    assert_eq!(places(&log(&store).await).len(), 500);
}
