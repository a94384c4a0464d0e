//! Every check a change must pass, in the order of what is cheapest to find.

use crate::database::{Database, VARIABLE};
use crate::step::Step;
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;

/// The checks that need no database. The examples come before the tests because `cargo test --all-targets` builds them
/// as test harnesses only, and the end-to-end test starts the program itself: `examples/loans` in the target folder.
const BEFORE: [Step; 4] = [
    Step::cargo("format", "fmt --check"),
    Step::cargo("benches", "fmt --manifest-path benches/Cargo.toml --all --check"),
    Step::cargo("lints", "clippy --workspace --all-targets --locked -- -D warnings"),
    Step::cargo("examples", "build --workspace --examples --locked"),
];

/// The checks that are told where PostgreSQL is.
const TESTS: [Step; 2] = [
    Step::cargo("tests", "test --workspace --all-targets --locked"),
    Step::cargo("doc tests", "test --workspace --doc --locked"),
];

const DOCUMENTATION: Step =
    Step::cargo("documentation", "doc --workspace --no-deps --locked").with("RUSTDOCFLAGS", "-D warnings");

/// Needs cargo-deny and the network, which not every machine has; tidy checks the licences everywhere. It is the one
/// step that may be skipped, also in CI.
const DEPENDENCIES: Step = Step::cargo("dependencies", "deny check");
const DEPENDENCIES_TOOL: Step = Step::cargo("cargo-deny", "deny --version");

/// Formats both workspaces.
pub const FORMAT: [Step; 2] =
    [Step::cargo("format", "fmt"), Step::cargo("benches", "fmt --manifest-path benches/Cargo.toml --all")];

/// Runs the rules of `tests/tidy.rs` alone.
pub const fn tidy() -> Step {
    Step::cargo("tidy", "test --package tests --test tidy --locked")
}

/// Runs a private PostgreSQL server until Ctrl-C or the end of stdin.
pub const fn postgres() -> Step {
    Step::cargo("postgres", "run --quiet --package test-server --locked")
}

/// Injects faults for as long as its arguments say.
pub const fn torture() -> Step {
    Step::cargo("torture", "run --release --package tests --bin torture --locked --")
}

/// Runs the steps in order, stops at the first that fails, and ends with a table of what ran.
pub fn run_all(root: &Path) -> Result<()> {
    let mut rows = Vec::new();
    let outcome = run_steps(root, &mut rows);
    print_table(&rows);
    outcome?;
    println!("\nevery check that ran has passed");
    Ok(())
}

fn run_steps(root: &Path, rows: &mut Vec<String>) -> Result<()> {
    for step in &BEFORE {
        timed(rows, step.name, || run(step, root, None))?;
    }
    let mut database = Database::Missing;
    timed(rows, "postgres", || {
        database = Database::get()?;
        Ok(database.word())
    })?;
    for step in &TESTS {
        let outcome = timed(rows, step.name, || run(step, root, database.variable()));
        outcome.with_context(|| format!("with {VARIABLE}, which `cargo xtask postgres` gives you"))?;
    }
    drop(database);
    timed(rows, DOCUMENTATION.name, || run(&DOCUMENTATION, root, None))?;
    timed(rows, DEPENDENCIES.name, || {
        if DEPENDENCIES_TOOL.succeeds(root) {
            return run(&DEPENDENCIES, root, None);
        }
        println!(
            "!!! SKIPPED: cargo-deny is not installed, so advisories, sources and duplicates are unchecked here"
        );
        println!("!!! to run it: cargo install --locked cargo-deny");
        Ok("SKIPPED")
    })
}

fn run(step: &Step, root: &Path, variable: Option<(&str, String)>) -> Result<&'static str> {
    println!("{step}");
    step.run_with(root, variable, &[]).map(|()| "ok")
}

/// Does the work of one step under a heading, and writes its row: `work` gives the word for the table.
fn timed(rows: &mut Vec<String>, name: &str, work: impl FnOnce() -> Result<&'static str>) -> Result<()> {
    println!("\n=== {name}");
    let start = Instant::now();
    let outcome = work();
    let seconds = start.elapsed().as_secs_f64();
    println!("=== {name}: {seconds:.1} s");
    let word = outcome.as_ref().map_or("FAILED", |word| *word);
    rows.push(format!("{name:<16}{seconds:>9.1} s  {word}"));
    outcome.map(drop)
}

fn print_table(rows: &[String]) {
    println!("\n{:<16}{:>11}  result", "step", "time");
    for row in rows {
        println!("{row}");
    }
}
