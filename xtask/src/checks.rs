//! Every check a change must pass, in the order of what is cheapest to find.

use crate::step::Step;
use anyhow::Result;
use std::path::Path;
use std::time::{Duration, Instant};

/// The checks of every machine. The examples come before the tests because `cargo test --all-targets` builds them as
/// test harnesses only, and the end-to-end test starts the program itself: `examples/loans` in the target folder.
const STEPS: [Step; 7] = [
    Step::cargo("format", "fmt --check"),
    Step::cargo("lints", "clippy --workspace --all-targets --locked -- -D warnings"),
    Step::cargo("examples", "build --workspace --examples --locked"),
    Step::cargo("tests", "test --workspace --all-targets --locked"),
    Step::cargo("doc tests", "test --workspace --doc --locked"),
    Step::cargo("documentation", "doc --workspace --no-deps --locked").with("RUSTDOCFLAGS", "-D warnings"),
    DEPENDENCIES,
];

/// Needs cargo-deny and the network, which not every machine has; tidy checks the licences everywhere. It is the one
/// step that may be skipped, also in CI.
const DEPENDENCIES: Step = Step::cargo("dependencies", "deny check");
const DEPENDENCIES_TOOL: Step = Step::cargo("cargo-deny", "deny --version");

/// Formats the workspace.
pub const fn format() -> Step {
    Step::cargo("format", "fmt")
}

/// Runs the rules of `tests/tidy.rs` alone.
pub const fn tidy() -> Step {
    Step::cargo("tidy", "test --package tests --test tidy --locked")
}

/// Runs the steps in order, stops at the first that fails, and ends with a table of what ran.
pub fn run_all(root: &Path) -> Result<()> {
    let mut rows = Vec::new();
    for step in &STEPS {
        let (time, outcome) = run_timed(step, root);
        rows.push(row(step.name, time, outcome.as_ref().map_or("FAILED", |word| *word)));
        if let Err(error) = outcome {
            print_table(&rows);
            return Err(error);
        }
    }
    print_table(&rows);
    println!("\nevery check that ran has passed");
    Ok(())
}

/// Runs one step under a heading; the result is the word for the table.
fn run_timed(step: &Step, root: &Path) -> (Duration, Result<&'static str>) {
    println!("\n=== {}: {step}", step.name);
    let start = Instant::now();
    if step.name == DEPENDENCIES.name && !DEPENDENCIES_TOOL.succeeds(root) {
        println!(
            "!!! SKIPPED: cargo-deny is not installed, so advisories, sources and duplicates are unchecked here"
        );
        println!("!!! to run it: cargo install --locked cargo-deny");
        return (start.elapsed(), Ok("SKIPPED"));
    }
    let outcome = step.run(root).map(|()| "ok");
    let time = start.elapsed();
    println!("=== {}: {:.1} s", step.name, time.as_secs_f64());
    (time, outcome)
}

fn row(name: &str, time: Duration, result: &str) -> String {
    format!("{name:<16}{:>9.1} s  {result}", time.as_secs_f64())
}

fn print_table(rows: &[String]) {
    println!("\n{:<16}{:>11}  result", "step", "time");
    for row in rows {
        println!("{row}");
    }
}
