//! `verify`: the promises of a store, as far as they can be seen from outside.

mod checkpoints;
mod findings;
mod log;

use crate::output::{Align, Console, Table};
use crate::scan::Scan;
use crate::text::{escaped, grouped, json_line};
use crate::{Failure, FailureKind, VerifyArgs};
use es_core::{App, CheckpointStore, Filter, Position};
use findings::{Check, Findings};
use log::LogCheck;
use serde::Serialize;

pub(crate) async fn run(app: &App, args: &VerifyArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    // The generations first: a checkpoint is then never beyond the head that it is compared with.
    let generations = app.store().generations().await?;
    let mut scan = Scan::begin(app, "verify", Filter::default(), console).await?;
    let mut findings = Findings::default();
    let mut log = LogCheck::new(app.store().clone());
    loop {
        let page = match scan.next_page(console).await {
            Ok(page) => page,
            Err(failure) if failure.kind() == FailureKind::Failed && scan.narrow() => continue,
            Err(failure) if failure.kind() == FailureKind::Failed => {
                let (position, cause) = (scan.position(), failure.sentence());
                let text = format!("the log cannot be read behind position {position}: {cause}");
                findings.add(Check::Positions, text);
                None
            }
            Err(failure) => return Err(failure),
        };
        let Some(page) = page else { break };
        log.take(&page, &mut findings).await?;
        if !args.json {
            scan.lines(&findings.news(), console)?;
        }
    }
    if scan.position() < scan.head() && findings.wrong_of(Check::Positions) == 0 {
        let text = format!("the log ends at position {}, before its head {}", scan.position(), scan.head());
        findings.add(Check::Positions, text);
    }
    checkpoints::check(app, &generations, scan.head(), &mut findings).await?;
    let head = scan.head();
    drop(scan);
    if args.json {
        write_json(&findings, head, console)?;
    } else {
        write_table(&mut findings, &log, console)?;
    }
    outcome(&findings)
}

fn outcome(findings: &Findings) -> Result<(), Failure> {
    let wrong = findings.wrong();
    if wrong == 0 {
        return Ok(());
    }
    let noun = if wrong == 1 { "finding" } else { "findings" };
    let message = format!("the store does not keep its promises: {} {noun}, see above", grouped(wrong));
    let hint =
        if Check::ALL.iter().all(|check| *check == Check::Checkpoints || findings.wrong_of(*check) == 0) {
            "read models that were built from another log are put right with: replay NAME"
        } else {
            "keep a copy of the store as it is, and restore a backup"
        };
    Err(Failure::new(FailureKind::CheckFailed, message).with_hint(hint))
}

fn write_table(findings: &mut Findings, log: &LogCheck, console: &mut Console<'_>) -> Result<(), Failure> {
    findings.news().iter().try_for_each(|line| console.line(line))?;
    let mut table = Table::new(&[
        ("check", Align::Left),
        ("checked", Align::Right),
        ("wrong", Align::Right),
        ("what was looked for", Align::Left),
    ]);
    let row = |check: &Check| {
        let looked_for = match check {
            Check::Positions => "each is above the one before".to_owned(),
            Check::Versions => format!("1, 2, 3, … in each {}, without a gap or a fork", log.streams()),
            Check::EventIds => {
                "none twice in a page; across pages the store's unique index sees to it".into()
            }
            Check::Payloads => "JSON".into(),
            Check::Checkpoints => "at a row of the log with this event id, not beyond the head".into(),
        };
        vec![
            check.name().into(),
            grouped(findings.checked_of(*check)),
            grouped(findings.wrong_of(*check)),
            looked_for,
        ]
    };
    let rows: Vec<_> = Check::ALL.iter().map(row).collect();
    table.fit(&rows);
    console.line(table.header())?;
    rows.iter().try_for_each(|row| console.line(table.row(row.iter().map(String::as_str))))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    head: Position,
    checks: Vec<Checked>,
    findings: &'a [String],
}

#[derive(Serialize)]
struct Checked {
    check: &'static str,
    checked: u64,
    wrong: u64,
}

fn write_json(findings: &Findings, head: Position, console: &mut Console<'_>) -> Result<(), Failure> {
    let checked = |check: &Check| Checked {
        check: check.name(),
        checked: findings.checked_of(*check),
        wrong: findings.wrong_of(*check),
    };
    let checks = Check::ALL.iter().map(checked).collect();
    let document = Document { head, checks, findings: findings.texts() };
    console.line(json_line(&serde_json::to_string(&document)?))
}

/// A finding about a stream, which may have been named by strangers.
fn named(stream: &es_core::StreamId) -> String {
    format!("stream `{}`", escaped(stream.as_str()))
}
