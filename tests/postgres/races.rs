//! Writers of several processes on the same streams.

use super::scene::{Scene, append, assert_unavailable, log, number, reaches, stream};
use es_core::{AppendError, EventStore, Expected, StreamRange, Version};
use es_postgres::PostgresStore;
use futures::future::join_all;

const RACERS: usize = 32;

/// Each has connections and lanes of its own, as a process has.
async fn handles(scene: &Scene, count: usize) -> Vec<PostgresStore> {
    join_all((0..count).map(|_| scene.store())).await
}

/// The deadlocks that the server has counted in the scene's database, once nobody is left who would still report one.
async fn deadlocks(scene: &Scene, handles: Vec<PostgresStore>) -> i64 {
    for handle in &handles {
        handle.close().await.unwrap();
    }
    let mut watch = super::scene::connect(&super::scene::url_of(scene.url(), "postgres")).await;
    let name = scene.name();
    let there = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND application_name = 'es-postgres'"
    );
    reaches(&mut watch, "all connections are closed", &there, 0).await;
    number(&mut watch, &format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{name}'")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_15_of_32_racers_from_several_handles_one_wins_and_31_conflict() {
    let Some(scene) = Scene::new().await else { return };
    let handles = handles(&scene, 4).await;
    for round in 0..8 {
        let racers = (0..RACERS).map(|racer| {
            let store = handles[racer % handles.len()].clone();
            let expected = Expected::Exactly(Version::new(round));
            tokio::spawn(async move {
                let append = es_core::Append { expected, ..append("contended", 1) };
                store.append(append).await
            })
        });
        let outcomes: Vec<_> = join_all(racers).await.into_iter().map(|outcome| outcome.unwrap()).collect();
        let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let lost = outcomes.iter().filter(|outcome| matches!(outcome, Err(AppendError::Conflict(_)))).count();
        assert_eq!((won, lost), (1, RACERS - 1), "round {round}: {outcomes:?}");
    }
    let page = handles[0].read(&stream("contended"), StreamRange::default()).await.unwrap();
    let versions: Vec<u64> = page.events.iter().map(|event| event.version.value()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(log(&handles[0]).await.len(), 8);
    assert_eq!(deadlocks(&scene, handles).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_15_appends_over_the_same_streams_in_any_order_never_deadlock() {
    const STREAMS: usize = 6;
    const ROUNDS: usize = 12;
    let Some(scene) = Scene::new().await else { return };
    let handles = handles(&scene, 4).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let writers = (0..RACERS / 2).map(|writer| {
        let store = handles[writer % handles.len()].clone();
        let mut random = fastrand::Rng::with_seed(seed ^ writer as u64);
        tokio::spawn(async move {
            for _ in 0..ROUNDS {
                let mut keys: Vec<usize> = (0..STREAMS).collect();
                random.shuffle(&mut keys);
                keys.truncate(random.usize(2..=STREAMS));
                let appends = keys.iter().map(|key| append(&format!("shared-{key}"), 1)).collect();
                store.append_all(appends).await.unwrap();
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|outcome| outcome.unwrap());
    for key in 0..STREAMS {
        let range = StreamRange::default();
        let page = handles[0].read(&stream(&format!("shared-{key}")), range).await.unwrap();
        let versions: Vec<u64> = page.events.iter().map(|event| event.version.value()).collect();
        assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>(), "shared-{key}");
        assert!(page.events.is_sorted_by(|a, b| a.position < b.position));
    }
    assert_eq!(deadlocks(&scene, handles).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_that_append_in_opposite_orders_deadlock_and_one_is_told() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let mut watch = scene.connect().await;
    let mut one = super::scene::Transaction::begin(scene.url(), &store).await;
    let mut two = super::scene::Transaction::begin(scene.url(), &store).await;
    // The one that looks first is the one that is ended.
    one.run("SET LOCAL deadlock_timeout = '10min'").await;
    two.run("SET LOCAL deadlock_timeout = '10ms'").await;
    one.append("a").await;
    two.append("b").await;
    let pid = super::scene::pid(&mut one.connection).await;
    let waiting = tokio::spawn(async move {
        let outcome = one.try_append(vec![append("b", 1)]).await;
        (one, outcome)
    });
    super::scene::waits_for_a_lock(&mut watch, pid).await;
    assert_unavailable(&two.try_append(vec![append("a", 1)]).await);
    two.roll_back().await;
    let (one, outcome) = waiting.await.unwrap();
    outcome.unwrap();
    one.commit().await;
    assert_eq!(log(&store).await.len(), 2);
}
