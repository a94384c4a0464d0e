//! What the application does, and what a recorder has to know of it.

use super::bank::{Account, Close, Deposit, Movements, Note, Open, Parking};
use super::recorder::Recorder;
use es_core::{
    Append, CommandId, EventId, ExecuteError, Expected, Metadata, NewEvent, Payload, Projector,
    ProjectorError, Repository, Snapshot, Snapshots, Store, StreamId, Version,
};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use tests::wait;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How many appends were sent by somebody without a repository.
pub const APPENDED_BESIDE: u64 = 1;

/// How many events there are after [`commands`] and [`memory`].
const EVENTS: u64 = 14;

pub async fn run(store: Arc<dyn Store>, recorder: &Recorder) {
    commands(&store, recorder).await;
    memory(&store, recorder).await;
    catching_up(&store, recorder).await;
    rebuilding(&store, recorder).await;
    halting(&store, recorder).await;
    parking(&store, recorder).await;
    pausing(&store, recorder).await;
}

/// Commands end in each way there is.
async fn commands(store: &Arc<dyn Store>, recorder: &Recorder) {
    let accounts = Repository::<Account>::new(store.clone());
    for cents in 1..=3 {
        accounts.execute("a".to_owned(), Deposit(cents)).await.unwrap();
    }
    assert_eq!(recorder.counter("es_appends_total account written"), 3);
    assert_eq!(recorder.counter("es_events_appended_total account"), 3);
    assert_eq!(recorder.histogram("es_load_events account"), [0.0, 1.0, 2.0]);

    let once = accounts.with(Metadata::new().command(CommandId::new("once").unwrap()));
    for _ in 0..2 {
        once.execute("a".to_owned(), Deposit(4)).await.unwrap();
    }
    let late = accounts.at(Version::new(1)).execute("a".to_owned(), Deposit(5)).await;
    assert!(matches!(late, Err(ExecuteError::Conflict(_))));
    let large = accounts.execute("a".to_owned(), Note("x".repeat(2 << 20))).await;
    assert!(matches!(large, Err(ExecuteError::Store(_))));
    lose_a_race(store, &accounts).await;
    accounts.execute("b".to_owned(), Close).await.unwrap();
    let closed = accounts.execute("b".to_owned(), Deposit(6)).await;
    assert!(matches!(closed, Err(ExecuteError::Rejected(_))));

    let commands = |outcome| recorder.counter(&format!("es_commands_total account {outcome}"));
    let outcomes = ["done", "repeated", "rejected", "conflict", "error"];
    assert_eq!(outcomes.map(commands), [6, 1, 1, 1, 1]);
    let appends = |outcome| recorder.counter(&format!("es_appends_total account {outcome}"));
    assert_eq!(["written", "repeated", "conflict", "error"].map(appends), [6, 1, 1, 1]);
    assert_eq!(recorder.counter("es_events_appended_total account"), 6);
    assert_eq!(recorder.counter("es_command_retries_total account"), 1);
    assert_times(recorder, "es_command_seconds account", 10);
    assert_times(recorder, "es_append_seconds account", 9);
    assert_times(recorder, "es_load_seconds account", 11);
}

/// Somebody appends between the load and the append of a command.
async fn lose_a_race(store: &Arc<dyn Store>, accounts: &Repository<Account>) {
    let is_first = Cell::new(true);
    let deposited = accounts.decide("a".to_owned(), |state| {
        if is_first.replace(false) {
            let stream = StreamId::new("account", "a").unwrap();
            let json = br#"{"cents":7}"#.to_vec();
            let event = NewEvent {
                event_id: EventId::new(Uuid::now_v7()),
                name: "account.deposited".into(),
                schema_version: 1,
                metadata: Metadata::new(),
                payload: Payload::new(json),
            };
            let appended = store.append(Append::new(stream, Expected::Any, vec![event]));
            // A decision does not wait, so another thread does.
            let runtime = Handle::current();
            std::thread::scope(|scope| {
                scope.spawn(|| runtime.block_on(appended).unwrap()).join().unwrap();
            });
        }
        es_core::Handle::handle(state, &Deposit(7))
    });
    deposited.await.unwrap();
}

/// States come from snapshots and from memory, or do not.
async fn memory(store: &Arc<dyn Store>, recorder: &Recorder) {
    let (plain, id) = (Repository::<Account>::new(store.clone()), "c".to_owned());
    let cached = plain.clone().with_cache(8);
    cached.execute(&id, Deposit(1)).await.unwrap();
    cached.execute(&id, Deposit(2)).await.unwrap();
    plain.execute(&id, Deposit(3)).await.unwrap();
    cached.execute(&id, Deposit(4)).await.unwrap();
    let reads = |outcome| recorder.counter(&format!("es_cache_reads_total account {outcome}"));
    assert_eq!(["miss", "hit", "stale"].map(reads), [1, 1, 1]);
    assert_eq!(recorder.counter("es_appends_total account conflict"), 2, "the stale one");

    let (saving, id) = (plain.clone().with_snapshots(Snapshots::every(2)), "d".to_owned());
    saving.execute(&id, Deposit(1)).await.unwrap();
    saving.execute(&id, Deposit(2)).await.unwrap();
    saving.settle().await;
    saving.execute(&id, Deposit(3)).await.unwrap();
    let loads = recorder.histogram("es_load_events account");
    assert_eq!(loads.last(), Some(&0.0), "all was in the snapshot");
    let ahead = Snapshot {
        stream: StreamId::new("account", "a").unwrap(),
        version: Version::new(99),
        event_id: EventId::new(Uuid::now_v7()),
        schema_version: <Account as es_core::Aggregate>::SNAPSHOT_VERSION,
        state: Payload::new(b"[]".to_vec()),
    };
    store.save(ahead).await.unwrap();
    saving.load("a".to_owned()).await.unwrap();
    let reads = |outcome| recorder.counter(&format!("es_snapshot_reads_total account {outcome}"));
    assert_eq!(["miss", "hit", "ignored"].map(reads), [2, 1, 1]);
}

async fn catching_up(store: &Arc<dyn Store>, recorder: &Recorder) {
    let movements = Projector::<Movements>::new(store.clone()).with_batch_events_max(4);
    let position = movements.catch_up().await.unwrap();
    assert_eq!(recorder.gauge("es_projection_position movements 1 live"), position.value() as f64);
    assert_eq!(recorder.gauge("es_projection_lag_positions movements 1 live"), 0.0);
    assert_eq!(recorder.gauge("es_projection_lag_seconds movements 1 live"), 0.0);
    assert_eq!(recorder.gauge("es_projection_owner movements 1 live"), 0.0, "it was given back");
    assert_eq!(recorder.counter("es_projection_leases_total movements 1 live taken"), 1);
    assert_eq!(recorder.counter("es_projection_events_total movements 1 live"), EVENTS);
    assert_eq!(recorder.histogram("es_projection_batch_events movements 1 live"), [4.0, 4.0, 4.0, 2.0]);
    assert_times(recorder, "es_projection_batch_seconds movements 1 live", 4);
    assert_times(recorder, "es_projection_read_seconds movements 1 live", 4);
}

/// On the way the lag is what is left; what is live is not mixed up with it.
async fn rebuilding(store: &Arc<dyn Store>, recorder: &Recorder) {
    let movements = Projector::<Movements>::new(store.clone()).with_batch_events_max(4);
    let building = |metric: &str| recorder.gauge(&format!("es_projection_{metric} movements 1 building"));
    let mut lags = Vec::new();
    let rebuilt = movements.any().rebuild(|progress| {
        let left = progress.head.value() - progress.position.value();
        assert_eq!(building("position"), progress.position.value() as f64);
        assert_eq!((building("lag_positions"), building("owner")), (left as f64, 1.0));
        assert_eq!(building("lag_seconds") > 0.0, left > 0, "{left} are left");
        lags.push(left);
    });
    rebuilt.await.unwrap();
    assert!(lags.len() >= 4 && lags[0] > 0 && lags.last() == Some(&0), "{lags:?}");
    assert_eq!(building("owner"), 0.0);
    assert_eq!(recorder.counter("es_projection_events_total movements 1 building"), EVENTS);
    assert_eq!(recorder.counter("es_projection_events_total movements 1 live"), EVENTS);
}

/// A projection that cannot go on stays behind, and is started again when it is resumed.
async fn halting(store: &Arc<dyn Store>, recorder: &Recorder) {
    let open = Projector::<Open>::new(store.clone());
    let halted = open.catch_up().await;
    assert!(matches!(halted, Err(ProjectorError::NoKey { .. })));
    let halts = || recorder.counter("es_projection_halts_total open 2 live");
    assert_eq!(halts(), 1);
    let head = store.head().await.unwrap().unwrap().position.value() as f64;
    let position = recorder.gauge("es_projection_position open 2 live");
    assert!(position > 0.0 && position < head, "{position} of {head}");
    assert_eq!(recorder.gauge("es_projection_lag_positions open 2 live"), head - position);
    assert!(recorder.gauge("es_projection_lag_seconds open 2 live") > 0.0);

    let shutdown = CancellationToken::new();
    let (any, stop) = (open.any().clone(), shutdown.clone());
    let attending = tokio::spawn(async move { any.attend(stop).await });
    wait::until("it halted again", async || halts() == 2).await;
    let is_halted = async || store.generations().await.unwrap().iter().any(|found| found.halt().is_some());
    wait::until("others see it", is_halted).await;
    assert_eq!(recorder.counter("es_projection_restarts_total open 2"), 0);
    // A person may come before the projector has seen its own halt, which then is none: he tries again.
    wait::until("it was started again", async || {
        store.resume(open.any().projection()).await.unwrap();
        recorder.counter("es_projection_restarts_total open 2") > 0
    })
    .await;
    shutdown.cancel();
    let _ = attending.await.unwrap();
}

/// A projection that keeps what it cannot take goes on.
async fn parking(store: &Arc<dyn Store>, recorder: &Recorder) {
    let parking = Projector::<Parking>::new(store.clone());
    parking.catch_up().await.unwrap();
    let generations = store.generations().await.unwrap();
    let letters = generations.iter().find(|found| found.projection == *parking.any().projection()).unwrap();
    let counted = || recorder.counter("es_projection_dead_letters_total parking 1 live");
    assert!(letters.dead_letters > 0);
    assert_eq!(counted(), letters.dead_letters);
    let retried = parking.any().retry(None).await.unwrap();
    assert_eq!(retried.failed, letters.dead_letters);
    assert_eq!(counted(), letters.dead_letters, "a retry makes no new one");
    assert_eq!(recorder.counter("es_projection_halts_total parking 1 live"), 0);
}

/// A pause takes the lease away from who has it.
async fn pausing(store: &Arc<dyn Store>, recorder: &Recorder) {
    let movements = Projector::<Movements>::new(store.clone()).with_lease(Duration::from_millis(300));
    let shutdown = CancellationToken::new();
    let (any, stop) = (movements.any().clone(), shutdown.clone());
    let running = tokio::spawn(async move { any.run(stop).await });
    let owner = || recorder.gauge("es_projection_owner movements 1 live");
    wait::until("it is at work", async || owner() == 1.0).await;
    store.pause(movements.any().projection()).await.unwrap();
    let lost = || recorder.counter("es_projection_leases_total movements 1 live lost");
    wait::until("the lease is lost", async || lost() == 1).await;
    wait::until("it tries again", async || recorder.counter("es_projection_retries_total movements 1") == 1)
        .await;
    assert_eq!(owner(), 0.0);
    store.resume(movements.any().projection()).await.unwrap();
    wait::until("it is at work again", async || owner() == 1.0).await;
    shutdown.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(owner(), 0.0);
}

/// So many were timed, and none took for ever.
#[track_caller]
fn assert_times(recorder: &Recorder, metric: &str, count: usize) {
    let times = recorder.histogram(metric);
    assert_eq!(times.len(), count, "{metric}");
    assert!(times.iter().all(|seconds| *seconds > 0.0 && *seconds < 60.0), "{metric}: {times:?}");
}
