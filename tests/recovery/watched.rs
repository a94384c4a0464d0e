//! The files of `ops/` on a real Prometheus: its own tool takes the alerts, each fires when it should and only then, and
//! every expression has an answer where a process on PostgreSQL is watched.

use super::process::Teller;
use super::prometheus::{Prometheus, programs, root};
use es_core::{Append, EventStore, Expected, Position};
use es_postgres::PostgresOptions;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use tests::ops::{self, DASHBOARD, RULES};
use tests::{Database, database, tally, wait};

/// The tests of the alerts in the format of `promtool`.
const RULES_TESTS: &str = "tests/recovery/alerts.yaml";

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn promtool(arguments: &[&str]) {
    let Some(programs) = programs() else { return };
    let ran = Command::new(programs.join("promtool")).current_dir(root()).args(arguments).output().unwrap();
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ran.status.success(), "promtool {arguments:?}: {said}");
}

#[test]
fn prometheus_takes_the_alerts() {
    promtool(&["check", "rules", RULES]);
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let tests = read(RULES_TESTS);
    for alert in ops::of_rules(&read(RULES)) {
        let fires = format!("alertname=\"{}\"", alert.place);
        assert!(tests.contains(&fires), "no test has {fires}");
    }
    promtool(&["test", "rules", RULES_TESTS]);
}

/// The server needs a store that tells all there is, which only PostgreSQL does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_expression_has_an_answer_on_a_real_prometheus() {
    let Some(programs) = programs() else { return };
    if database::server().is_none() {
        return;
    }
    let (database, head) = shop().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Teller::command();
    command.current_dir(folder.path()).env("ES_STORE_URL", database.url());
    let teller = Teller::run(&mut command, &["--commands", "4"]);
    let prometheus = Prometheus::start(programs, teller.address()).await;
    wait::until("it is up", async || sum(&prometheus, "up") == 1.0).await;
    wait::until("one has halted", async || sum(&prometheus, "es_projection_halts_total") == 1.0).await;
    wait::until("two are at work", async || sum(&prometheus, "es_projection_owner") == 2.0).await;
    // A rate takes two samples of each series.
    let sampled = "min(count_over_time(es_projection_owner[5m]))";
    wait::until("all was fetched twice", async || sum(&prometheus, sampled) >= 2.0).await;

    assert_eq!(sum(&prometheus, r#"es_commands_total{job="teller", outcome="done"}"#), 4.0);
    let position = r#"es_projection_position{projection="picky", state="live"}"#;
    assert_eq!(sum(&prometheus, position), head.value() as f64, "before the unlucky one");
    for question in ops::of_dashboard(&read(DASHBOARD)) {
        let expression = question.expression.replace("$job", ".*").replace("$__rate_interval", "5m");
        let series = prometheus.query(&expression);
        assert!(!series.is_empty(), "{}: nothing for {expression}", question.place);
        for label in &question.shown {
            assert!(series.iter().all(|series| !series.label(label).is_empty()), "{expression}: no {label}");
        }
    }

    let alerts = ops::of_rules(&read(RULES));
    let names: Vec<_> = alerts.iter().map(|alert| alert.place.clone()).collect();
    assert_eq!(prometheus.alerts(), names);
    let true_now = alerts.iter().flat_map(|alert| {
        let series = prometheus.query(&alert.expression);
        series.into_iter().map(|series| format!("{} {}", alert.place, series.label("projection")))
    });
    let expected = ["EsProjectionHalted picky", "EsProjectionWithoutOwner picky"];
    assert_eq!(true_now.collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
    teller.signal(Signal::TERM);
    assert_eq!(teller.ended().0.code(), Some(0));
}

/// A store with one event that a projection halts at, and the position of the event before it.
async fn shop() -> (Database, Position) {
    let options = |url: &str| PostgresOptions::new(url).unwrap();
    let key = options("postgres://").migrations_sql().unwrap();
    let migrate = async |url: String| options(&url).migrate().await.unwrap();
    let database = Database::with_template(&key, migrate).await;
    let store = options(database.url()).open().await.unwrap();
    let wrote = async |number| -> Position {
        let append: Append = tally::append_expecting(&tally::stream("one"), number, Expected::Any);
        store.append(append).await.unwrap().position
    };
    let before = wrote(1).await;
    wrote(13).await;
    wrote(2).await;
    (database, before)
}

/// All results added up; 0 where there are none.
fn sum(prometheus: &Prometheus, expression: &str) -> f64 {
    prometheus.query(expression).iter().map(|series| series.value).sum()
}
