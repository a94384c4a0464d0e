//! The same application on each store: what is told of it is the same, and what a store tells beside it.

use super::application;
use super::recorder::Recorder;
use es_core::Store;
use es_core::metrics::{self, METRICS};
use es_memory::MemoryStore;
use es_postgres::PostgresOptions;
use es_sqlite::SqliteStore;
use std::collections::BTreeSet;
use std::sync::Arc;
use tests::{Database, database};
use tokio::runtime::Runtime;

/// Runs the application with a recorder of its own. Instruments are taken on this thread, where stores, repositories and
/// projectors are made, and used on all others.
fn record<F: Future<Output = Arc<dyn Store>>>(store: impl FnOnce() -> F) -> Recorder {
    let recorder = Recorder::default();
    ::metrics::with_local_recorder(&recorder, || {
        metrics::describe();
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async { application::run(store().await, &recorder).await });
    });
    recorder.assert_described();
    recorder
}

/// All metrics were emitted, but for these.
fn assert_emitted_but(recorder: &Recorder, not: &[&str]) {
    let emitted = recorder.emitted();
    let missing = METRICS.iter().map(|metric| metric.name).filter(|name| !emitted.contains(*name));
    assert_eq!(missing.collect::<BTreeSet<_>>(), not.iter().copied().collect());
}

#[test]
fn an_application_in_memory_tells_all_but_what_databases_do() {
    let recorder = record(async || Arc::new(MemoryStore::default()) as Arc<dyn Store>);
    assert_emitted_but(&recorder, &["es_horizon_distance", "es_write_calls", "es_writes_in_flight"]);
}

#[test]
fn an_application_on_sqlite_tells_also_of_its_transactions() {
    let recorder = record(async || Arc::new(SqliteStore::in_memory().await.unwrap()) as Arc<dyn Store>);
    assert_emitted_but(&recorder, &["es_horizon_distance"]);
    assert_eq!(recorder.gauge("es_writes_in_flight sqlite"), 0.0);
    assert_together(&recorder, "sqlite");
}

#[test]
fn an_application_on_postgresql_tells_also_of_its_statements_and_of_the_horizon() {
    if database::server().is_none() {
        return;
    }
    let mut database = None;
    let recorder = record(async || {
        let options = |url: &str| PostgresOptions::new(url).unwrap();
        let key = options("postgres://localhost").migrations_sql().unwrap();
        let migrate = async |url: String| options(&url).migrate().await.unwrap();
        let own = database.insert(Database::with_template(&key, migrate).await);
        Arc::new(options(own.url()).open().await.unwrap()) as Arc<dyn Store>
    });
    assert_emitted_but(&recorder, &[]);
    assert_eq!(recorder.gauge("es_writes_in_flight postgres"), 0.0);
    assert_eq!(recorder.gauge("es_horizon_distance postgres"), 0.0, "nothing is under way");
    assert_together(&recorder, "postgres");
}

/// No call is lost or counted twice on its way to the store, but those that the store refuses before.
fn assert_together(recorder: &Recorder, store: &str) {
    let calls: f64 = recorder.histogram(&format!("es_write_calls {store}")).iter().sum();
    let sent = ["written", "repeated", "conflict"]
        .map(|outcome| recorder.counter(&format!("es_appends_total account {outcome}")));
    // Two were appended by somebody without a repository.
    assert_eq!(calls, (sent.iter().sum::<u64>() + application::APPENDED_BESIDE) as f64);
}
