//! Whole logs, from text to read models.

use super::*;
use crate::app;
use crate::report::Report;
use es_core::{Cursor, Version};
use es_memory::MemoryStore;
use std::env;
use std::io::Read;
use std::path::Path;

const IN_FLIGHT: NonZeroU16 = NonZeroU16::new(64).unwrap();

async fn run(source: &Source, in_flight: NonZeroU16, store: &Arc<dyn Store>) -> (Tally, Report) {
    let (digest, _) = source.digest().unwrap();
    let import = Import { source: source.clone(), digest, in_flight };
    assert!(!import.is_foreign_to(&**store).await.unwrap());
    let tally = import.run(store.clone(), |_| ()).await.unwrap();
    app(store.clone()).catch_up().await.unwrap();
    let report = Report::read(store, tally.rejected).await.unwrap();
    (tally, report)
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::default())
}

async fn head(store: &Arc<dyn Store>) -> Option<Cursor> {
    store.head().await.unwrap()
}

/// The totals agree among each other, whatever the log.
fn assert_consistent(report: &Report) {
    let outcomes = report.outcomes;
    let ended = outcomes.approved + outcomes.declined + outcomes.cancelled;
    assert_eq!(report.applications, ended + outcomes.open);
    assert_eq!(report.events, report.activities.values().sum::<u64>());
    assert_eq!(report.applications, report.activities["A_SUBMITTED/COMPLETE"]);
    assert_eq!(report.applications, report.months.values().map(|month| month.submitted).sum::<u64>());
    for (activity, outcome, by_month) in [
        (
            "A_APPROVED/COMPLETE",
            outcomes.approved,
            report.months.values().map(|month| month.approved).sum::<u64>(),
        ),
        ("A_DECLINED/COMPLETE", outcomes.declined, report.months.values().map(|month| month.declined).sum()),
        (
            "A_CANCELLED/COMPLETE",
            outcomes.cancelled,
            report.months.values().map(|month| month.cancelled).sum(),
        ),
    ] {
        assert_eq!(report.activities.get(activity).copied().unwrap_or_default(), outcome, "{activity}");
        assert_eq!(by_month, outcome, "{activity}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_log_goes_through_without_a_refusal() {
    let source = Source::Generated { applications: 300, seed: 1 };
    let (_, rows) = source.digest().unwrap();
    let (tally, report) = run(&source, IN_FLIGHT, &memory()).await;
    assert_eq!(tally, Tally { done: rows, ..Tally::default() });
    assert_eq!((report.applications, report.events), (300, rows));
    assert!(report.employees.len() > 10 && report.months.len() == 5);
    assert_consistent(&report);

    let (_, one_by_one) = run(&source, NonZeroU16::MIN, &memory()).await;
    assert_eq!(one_by_one, report, "how many are in flight changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_run_of_a_log_changes_nothing() {
    let source = Source::Generated { applications: 100, seed: 1 };
    let store = memory();
    let (first, report) = run(&source, IN_FLIGHT, &store).await;
    let before = head(&store).await;
    let (second, again) = run(&source, NonZeroU16::new(3).unwrap(), &store).await;
    assert_eq!(second, Tally { repeated: first.done, ..Tally::default() });
    assert_eq!(again, report);
    assert_eq!(head(&store).await, before);
}

#[tokio::test]
async fn a_store_of_another_log_is_foreign() {
    let store = memory();
    run(&Source::Generated { applications: 3, seed: 1 }, IN_FLIGHT, &store).await;
    let source = Source::Generated { applications: 3, seed: 2 };
    let import = Import { digest: source.digest().unwrap().0, source, in_flight: IN_FLIGHT };
    assert!(import.is_foreign_to(&*store).await.unwrap());
}

/// A log of one application, as lines.
const LINES: [&str; 7] = [
    "case_id,amount_requested,registered_at,activity,lifecycle,resource,occurred_at",
    "1,5000,2011-10-01T08:00:00.000+02:00,A_SUBMITTED,COMPLETE,112,2011-10-01T08:00:00.000+02:00",
    "1,5000,2011-10-01T08:00:00.000+02:00,A_PARTLYSUBMITTED,COMPLETE,112,2011-10-01T08:00:01.000+02:00",
    "1,5000,2011-10-01T08:00:00.000+02:00,W_Afhandelen leads,SCHEDULE,112,2011-10-01T08:01:00.000+02:00",
    "1,5000,2011-10-01T08:00:00.000+02:00,W_Afhandelen leads,START,10609,2011-10-01T08:02:00.000+02:00",
    "1,5000,2011-10-01T08:00:00.000+02:00,A_DECLINED,COMPLETE,10609,2011-10-01T08:03:00.000+02:00",
    "1,5000,2011-10-01T08:00:00.000+02:00,W_Afhandelen leads,COMPLETE,10609,2011-10-01T08:04:00.000+02:00",
];

/// Runs these lines; gives what was refused, and how many events the application then has.
async fn refused(lines: &[&str]) -> (Vec<(u64, String)>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let store = memory();
    let (tally, report) = run(&Source::File(path), IN_FLIGHT, &store).await;
    assert_eq!(tally.rows(), lines.len() as u64 - 1);
    assert_eq!(tally.done, report.events);
    let applications = Repository::<Application>::new(store);
    let found = applications.load(&"1".parse::<CaseId>().unwrap()).await.unwrap();
    assert_eq!(found.version, Version::new(report.events), "nothing of a refused row is stored");
    let refused = tally.first_rejected.into_iter().map(|rejected| (rejected.line, rejected.reason));
    (refused.collect(), report.events)
}

#[tokio::test]
async fn swapped_rows_are_refused_with_line_and_reason() {
    let mut lines = LINES;
    lines.swap(1, 2);
    let reason = "application 1: the application is not submitted yet: nothing comes before A_SUBMITTED";
    assert_eq!(refused(&lines).await, (vec![(2, reason.to_owned())], 5));

    let mut lines = LINES;
    lines.swap(3, 4);
    let reason = "application 1: W_Afhandelen leads was not scheduled";
    assert_eq!(refused(&lines).await, (vec![(4, reason.to_owned())], 5));
}

#[tokio::test]
async fn repeated_rows_are_refused_with_line_and_reason() {
    let lines = [&LINES[..], &[LINES[1], LINES[2], LINES[5]]].concat();
    let reasons = [
        (8, "application 1: the application was submitted before: that happens once"),
        (9, "application 1: the application was partly submitted before: that happens once"),
        (10, "application 1: the application is declined already: there is one outcome"),
    ];
    assert_eq!(refused(&lines).await, (reasons.map(|(line, reason)| (line, reason.to_owned())).into(), 6));
}

#[tokio::test]
async fn damaged_rows_are_refused_with_line_and_reason() {
    let mut lines = LINES.to_vec();
    lines[4] = "1,5000,2011-10-01T08:00:00.000+02:00,W_Afhandelen leads,START,10609,yesterday";
    lines.insert(3, "\"what,is,this");
    let expected = vec![
        (4, "expected 7 columns, found 3".to_owned()),
        (6, "occurred_at is `yesterday`: expected a time such as 2011-10-01T00:38:44.546+02:00".to_owned()),
    ];
    assert_eq!(refused(&lines).await, (expected, 5));
}

#[tokio::test]
async fn more_rows_are_refused_than_are_shown() {
    let shown_max = crate::tally::SHOWN_MAX;
    let lines = [vec![LINES[0], LINES[1]], vec![LINES[1]; shown_max + 30]].concat();
    let (shown, events) = refused(&lines).await;
    assert_eq!((shown.len(), events), (shown_max, 1));
    assert!(shown.iter().map(|(line, _)| *line).eq(3..=shown_max as u64 + 2));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_an_error_and_not_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, "not,a,log\n").unwrap();
    let source = Source::File(path);
    let import = Import { digest: source.digest().unwrap().0, source, in_flight: IN_FLIGHT };
    assert!(matches!(import.run(memory(), |_| ()).await, Err(ImportError::Log(_))));
}

/// The counts that everyone who has studied the real log gets.
const REAL: [(&str, u64); 12] = [
    ("A_SUBMITTED/COMPLETE", 13_087),
    ("A_PARTLYSUBMITTED/COMPLETE", 13_087),
    ("A_PREACCEPTED/COMPLETE", 7_367),
    ("A_ACCEPTED/COMPLETE", 5_113),
    ("A_FINALIZED/COMPLETE", 5_015),
    ("A_APPROVED/COMPLETE", 2_246),
    ("A_REGISTERED/COMPLETE", 2_246),
    ("A_DECLINED/COMPLETE", 7_635),
    ("A_CANCELLED/COMPLETE", 2_807),
    ("O_CREATED/COMPLETE", 7_030),
    ("O_ACCEPTED/COMPLETE", 2_243),
    ("W_Wijzigen contractgegevens/SCHEDULE", 12),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_real_log_gives_the_counts_that_everyone_gets() {
    let Some(path) = env::var_os("LOANS_LOG").filter(|path| !path.is_empty()) else {
        assert!(env::var_os("CI").is_none(), "LOANS_LOG names no log, and CI must run the real one");
        println!("NOT TESTED: LOANS_LOG names no log");
        // Tests swallow stdout, and this should be seen.
        let _ = io::Write::write_all(&mut io::stderr(), b"\nNOT TESTED: LOANS_LOG names no log\n");
        return;
    };
    let (tally, report) = run(&Source::File(Path::new(&path).to_owned()), IN_FLIGHT, &memory()).await;
    assert_eq!(tally, Tally { done: 262_200, ..Tally::default() });
    assert_eq!((report.events, report.applications), (262_200, 13_087));
    for (activity, events) in REAL {
        assert_eq!(report.activities.get(activity), Some(&events), "{activity}");
    }
    assert_eq!(report.activities.len(), 36);
    let outcomes =
        [report.outcomes.approved, report.outcomes.declined, report.outcomes.cancelled, report.outcomes.open];
    assert_eq!(outcomes, [2_246, 7_635, 2_807, 399]);
    assert_consistent(&report);

    let json = serde_json::to_value(&report).unwrap();
    let october =
        r#"{"submitted":2393,"approved":500,"declined":1335,"cancelled":558,"amount_approved":7434778}"#;
    assert_eq!(serde_json::to_string(&report.months["2011-10"]).unwrap(), october);
    assert_eq!(report.months.len(), 5);
    assert_eq!(json["longest_application"], serde_json::json!({ "case_id": "185548", "events": 175 }));
    // Of 2,246 and of 7,635 and of 2,807 durations in milliseconds, by hand.
    assert_eq!(json["duration_hours"]["approved"]["median"], 346.479_425_972_222_2);
    assert_eq!(json["duration_hours"]["declined"]["median"], 0.187_003_333_333_333_33);
    assert_eq!(json["duration_hours"]["cancelled"]["median"], 404.305_424_722_222_2);
}

#[test]
fn rows_of_one_application_always_go_to_one_worker() {
    let mut text = String::new();
    Source::Generated { applications: 50, seed: 1 }.open().unwrap().read_to_string(&mut text).unwrap();
    let cases = text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse::<CaseId>().unwrap());
    let mut workers = std::collections::HashMap::new();
    for case_id in cases {
        let worker = worker_of(&case_id, 64);
        assert!(worker < 64);
        assert_eq!(*workers.entry(case_id).or_insert(worker), worker);
    }
    assert!(workers.values().collect::<std::collections::HashSet<_>>().len() > 20, "work is spread");
}
