//! Runs the rounds of a case: each contender in turn, each as a process of its own.

use crate::arena::Arena;
use crate::build::Programs;
use crate::case::{Case, Entry, Work};
use crate::figures::Figures;
use anyhow::{Context, Result, bail};
use contender::{Job, Latency, Mode, Outcome, Place, Task};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Runs a case, and gives the figures of its entrants.
pub(crate) fn run(case: &Case, programs: &Programs, arena: &mut Arena) -> Result<Vec<Figures>> {
    let mut all: Vec<Figures> = case.entries.iter().map(Figures::new).collect();
    for round in 0..case.rounds {
        eprintln!("{}: round {} of {}", case.name, round + 1, case.rounds);
        // Nobody is always the first.
        for turn in 0..case.entries.len() {
            let index = (turn + round) % case.entries.len();
            let entry = &case.entries[index];
            if round >= entry.rounds_max || all[index].is_out() {
                continue;
            }
            let Some(program) = programs.path(entry.entrant.program) else {
                all[index].unsupported = Some("it could not be built".to_owned());
                continue;
            };
            let outcome = run_one(entry, program, arena);
            let outcome = outcome.with_context(|| format!("{} in {}", entry.entrant.label, case.name));
            all[index].add(round, outcome);
        }
    }
    Ok(all)
}

fn run_one(entry: &Entry, program: &Path, arena: &mut Arena) -> Result<Outcome> {
    let fill = Task::Fill { accounts: entry.fill.accounts, events: entry.fill.events };
    let mut unsupported = None;
    let make = |place: Place, mode: Mode| {
        eprintln!("  filling the store of {}", entry.entrant.label);
        let filled = start(program, place, mode, fill)?.outcome()?;
        unsupported = filled.unsupported;
        match filled.wrong.as_ref().or(unsupported.as_ref()) {
            Some(wrong) => bail!("the store cannot be filled: {wrong}"),
            None => Ok(()),
        }
    };
    let copy = arena.copy(&entry.entrant, entry.fill, make);
    if unsupported.is_some() {
        return Ok(Outcome { unsupported, ..Outcome::default() });
    }
    let copy = copy?;
    let (place, mode) = (copy.place.clone(), entry.entrant.mode);
    let outcome = match &entry.work {
        Work::Alone(task) => start(program, place, mode, task.clone())?.outcome(),
        Work::Follow { appends, per_second } => follow(program, place, mode, *appends, *per_second),
    };
    arena.remove(copy)?;
    outcome
}

/// One process follows, and another appends.
fn follow(program: &Path, place: Place, mode: Mode, appends: u64, per_second: u64) -> Result<Outcome> {
    let mut follower = start(program, place.clone(), mode, Task::Follow { appends })?;
    let line = follower.line()?;
    if line.trim() != "ready" {
        return follower.outcome_of(&line);
    }
    let paced = start(program, place, mode, Task::Pace { appends, per_second })?.outcome()?;
    let followed = follower.outcome()?;
    let mut waits: Vec<u64> = std::iter::zip(&followed.times, &paced.times)
        .map(|((_, seen), (_, acknowledged))| seen.saturating_sub(*acknowledged))
        .collect();
    waits.sort_unstable();
    let at = |part: f64| {
        let index = ((waits.len() as f64 * part) as usize).min(waits.len().saturating_sub(1));
        waits.get(index).map_or(0.0, |wait| *wait as f64 / 1_000.0)
    };
    let latency = Latency { p50: at(0.5), p99: at(0.99), p999: at(0.999) };
    Ok(Outcome { latency: Some(latency), wrong: followed.wrong, times: Vec::new(), ..paced })
}

/// A contender at work.
struct Running {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

fn start(program: &Path, place: Place, mode: Mode, task: Task) -> Result<Running> {
    let job = serde_json::to_string(&Job { place, mode, task })?;
    let mut command = Command::new(program);
    command.arg(job).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let said = BufReader::new(child.stdout.take().context("its output is a pipe")?);
    Ok(Running { child, said })
}

impl Running {
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        Ok(line)
    }

    fn outcome(self) -> Result<Outcome> {
        self.outcome_of("")
    }

    /// The outcome, of which this was read already.
    fn outcome_of(mut self, read: &str) -> Result<Outcome> {
        let mut text = read.to_owned();
        self.said.read_to_string(&mut text)?;
        if !self.child.wait()?.success() {
            bail!("the contender has failed: its error is above");
        }
        serde_json::from_str(text.trim()).context("the contender's outcome cannot be read")
    }
}
