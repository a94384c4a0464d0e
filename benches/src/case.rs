//! [`Case`]: a piece of work, and who does it.

use crate::entrant::Entrant;
use contender::Task;

/// One row of a report is an entrant of a case.
#[derive(Debug)]
pub(crate) struct Case {
    /// Workload and variant: `command, 64 at a time`.
    pub(crate) name: String,
    /// What is counted: `commands` or `events`.
    pub(crate) unit: &'static str,
    pub(crate) entries: Vec<Entry>,
    pub(crate) rounds: usize,
}

/// An entrant with its work; the peers that take minutes where others take a second get less of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) entrant: Entrant,
    pub(crate) fill: Fill,
    pub(crate) work: Work,
    /// How many of the rounds it takes part in, at most.
    pub(crate) rounds_max: usize,
}

/// What is in the store before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Fill {
    pub(crate) accounts: u64,
    pub(crate) events: u64,
}

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// One process does it.
    Alone(Task),
    /// One process follows what another appends.
    Follow { appends: u64, per_second: u64 },
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, rounds: usize) -> Self {
        Self { name: name.into(), unit, entries: Vec::new(), rounds }
    }

    /// Adds an entrant.
    pub(crate) fn with(mut self, entrant: Entrant, fill: Fill, work: Work) -> Self {
        self.entries.push(Entry { entrant, fill, work, rounds_max: usize::MAX });
        self
    }
}
