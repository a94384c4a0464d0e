//! Short runs of the program `torture`: good stores pass, and each broken twin is caught by the name of its anomaly.
//!
//! Longer runs are for `cargo xtask torture`.

use serde_json::Value;
use std::process::{Command, Output};
use test_server::Binaries;

/// What the last line of a run says.
const NUMBERS: [&str; 12] = [
    "acked",
    "cuts",
    "duplicates",
    "events",
    "fenced",
    "kills",
    "missed",
    "refused",
    "reordered",
    "seed",
    "takeovers",
    "unknown",
];

fn torture(arguments: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_torture");
    Command::new(program).args(arguments.split(' ')).output().expect("the program starts")
}

/// Runs on a good store, which must pass. Gives the report.
#[track_caller]
fn passes(arguments: &str) -> Value {
    let output = torture(arguments);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "torture {arguments} ended with {}:\n{said}{errors}", output.status);
    let report = report(&said);
    for number in ["missed", "duplicates", "reordered"] {
        assert_eq!(report[number], 0, "{said}");
    }
    assert!(report["acked"].as_u64() > Some(0), "nothing was appended:\n{said}");
    report
}

/// How often a broken store may get away with it: it takes a race, which a busy machine may not give at once.
const RUNS_MAX: u32 = 4;

/// Runs on a broken store, which must be caught by this name.
#[track_caller]
fn is_caught(arguments: &str, name: &str) {
    let mut said = String::new();
    for _ in 0..RUNS_MAX {
        let output = torture(arguments);
        said = String::from_utf8_lossy(&output.stdout).into_owned();
        report(&said);
        if output.status.success() {
            continue;
        }
        assert_eq!(
            output.status.code(),
            Some(1),
            "torture {arguments} ended with {}:\n{said}",
            output.status
        );
        assert!(said.contains("seed 7 fails"), "it did not print its seed:\n{said}");
        // What a run that was meant to fail leaves behind is of no use to anybody.
        let kept = said.lines().find_map(|line| line.split_once("the journals are in "));
        let (_, folder) = kept.expect("it says where the journals are");
        std::fs::remove_dir_all(folder).expect("the journals can be removed");
        if said.contains(&format!("anomaly: {name} — ")) {
            return;
        }
    }
    panic!("torture {arguments} did not name `{name}`:\n{said}");
}

/// The last line: one object with these numbers and no others.
fn report(said: &str) -> Value {
    let last = said.lines().last().expect("it says something");
    let report: Value = serde_json::from_str(last).expect("the last line is JSON");
    let object = report.as_object().expect("the last line is an object");
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, NUMBERS);
    report
}

/// Whether there is a PostgreSQL to start a server of; said aloud if not. In CI that is a failure.
fn has_postgres() -> bool {
    let found = Binaries::find().is_some();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "CI is set and there is no PostgreSQL");
        tests::shout(
            "!!! SKIPPED: torture of postgres, because there is no PostgreSQL; `cargo xtask postgres`",
        );
    }
    found
}

#[test]
fn a_store_in_memory_survives_tasks_that_are_dropped_anywhere() {
    let report = passes("--store memory --seconds 2 --seed 7");
    assert!(report["kills"].as_u64() > Some(0), "{report}");
}

#[test]
fn st_37_sqlite_survives_processes_that_are_killed_and_stopped() {
    let report = passes("--store sqlite --seconds 4 --seed 7");
    assert!(report["kills"].as_u64() > Some(0) && report["takeovers"].as_u64() > Some(0), "{report}");
}

#[test]
fn st_01_st_02_st_03_postgres_survives_kills_cuts_pauses_terminations_and_restarts() {
    if has_postgres() {
        let report = passes("--store postgres --seconds 6 --seed 7");
        assert!(report["kills"].as_u64() > Some(0), "{report}");
    }
}

#[test]
fn a_naive_reader_is_caught() {
    is_caught("--store memory --seconds 1 --seed 7 --nemesis none --twin naive", "skipped");
    if has_postgres() {
        is_caught("--store postgres --seconds 3 --seed 7 --nemesis none --twin naive", "skipped");
    }
}

#[test]
fn a_bound_and_rows_in_one_statement_are_caught() {
    if has_postgres() {
        is_caught("--store postgres --seconds 4 --seed 7 --nemesis none --twin one-statement", "skipped");
    }
}

#[test]
fn a_horizon_as_cursor_is_caught() {
    if has_postgres() {
        let arguments = "--store postgres --seconds 1 --seed 7 --nemesis none --twin horizon-as-cursor";
        is_caught(arguments, "skipped");
    }
}

#[test]
fn a_commit_without_its_epoch_is_caught() {
    is_caught("--store sqlite --seconds 3 --seed 7 --nemesis pause --twin no-epoch", "zombie write");
    if has_postgres() {
        let arguments = "--store postgres --seconds 4 --seed 7 --nemesis pause --twin no-epoch";
        is_caught(arguments, "zombie write");
    }
}
