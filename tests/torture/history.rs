//! [`History`]: everything that is known of a run when it is over.

use super::journal;
use super::line::{Batch, Given, Granted, Line, Outcome, Part, StreamRead, Verdict, Watched};
use super::views::Sum;
use anyhow::Result;
use es_core::{CommandId, EventId, StreamId};
use std::collections::BTreeMap;
use std::path::Path;

/// Everything that is known of a run when it is over.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Every call that was made.
    pub calls: Vec<Call>,
    /// The log, as it is at the end.
    pub log: Vec<Row>,
    /// What each reader was given, page by page.
    pub readers: BTreeMap<String, Vec<Given>>,
    /// What was found at the ends of streams.
    pub reads: Vec<StreamRead>,
    /// The commands that were answered.
    pub commands: Vec<Command>,
    /// Every lease that was granted, with who got it.
    pub grants: Vec<(u16, Granted)>,
    /// Every batch that was tried.
    pub batches: Vec<Batch>,
    /// Looks at a read model between two looks at its checkpoint.
    pub watched: Vec<Watched>,
    /// The read models at the end.
    pub models: Vec<Model>,
    /// What no fault explains.
    pub failures: Vec<String>,
    /// Who had not caught up in time.
    pub stuck: Vec<String>,
}

/// Events that were sent, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who sent them.
    pub worker: u16,
    /// Before it was sent.
    pub began: u64,
    /// After the answer; nothing when none was written down.
    pub ended: Option<u64>,
    /// The events.
    pub parts: Vec<Part>,
    /// What came of it.
    pub outcome: Outcome,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its position.
    pub position: u64,
    /// Its event.
    pub id: EventId,
    /// Its stream.
    pub stream: StreamId,
    /// Its version.
    pub version: u64,
    /// The command that it came of.
    pub command: Option<CommandId>,
    /// How much it adds to a sum.
    pub amount: u64,
    /// The total that the command believed in.
    pub total: Option<u64>,
}

/// A command that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its id.
    pub command: CommandId,
    /// The counter.
    pub counter: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// A read model at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The projection.
    pub projection: String,
    /// The checkpoint.
    pub position: u64,
    /// The views by key.
    pub views: BTreeMap<String, Sum>,
}

impl Call {
    /// The ids of all events, in order: what makes two calls the same.
    pub fn ids(&self) -> Vec<EventId> {
        self.parts.iter().flat_map(|part| part.ids.iter().copied()).collect()
    }
}

impl History {
    /// Reads the journals of the workers with these numbers.
    ///
    /// # Errors
    /// When a journal cannot be read.
    pub fn read(folder: &Path, workers: impl Iterator<Item = u16>) -> Result<Self> {
        let mut history = Self::default();
        for worker in workers {
            history.add(worker, journal::read(&journal::path(folder, worker))?);
        }
        Ok(history)
    }

    /// Adds the journal of a worker.
    pub fn add(&mut self, worker: u16, lines: Vec<Line>) {
        let mut counters = BTreeMap::new();
        let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Began { .. } | Line::Opened => (),
                Line::Intent { op, at, parts } => {
                    let outcome = Outcome::Unknown("no answer was written down".to_owned());
                    calls.insert(op, Call { worker, began: at, ended: None, parts, outcome });
                }
                Line::Outcome { op, at, outcome } => {
                    if let Outcome::Unexpected(why) = &outcome {
                        self.failures.push(format!("an append of worker {worker}: {why}"));
                    }
                    if let Some(call) = calls.get_mut(&op) {
                        call.ended = Some(at);
                        call.outcome = outcome;
                    }
                }
                Line::Command { command, counter, .. } => {
                    counters.insert(command, counter);
                }
                Line::Answered { command, outcome } => {
                    let counter = counters.get(&command).cloned().unwrap_or_default();
                    self.commands.push(Command { command, counter, verdict: outcome });
                }
                Line::Given(given) => self.readers.entry(given.reader.clone()).or_default().push(given),
                Line::Read(read) => self.reads.push(read),
                Line::Granted(granted) => self.grants.push((worker, granted)),
                Line::Committed(batch) => self.batches.push(batch),
                Line::Watched(watched) => self.watched.push(watched),
                Line::Failed { task, error } => self.failures.push(format!("{task}: {error}")),
            }
        }
        self.calls.extend(calls.into_values());
    }
}
