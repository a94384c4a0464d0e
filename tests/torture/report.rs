//! [`Report`]: what a run did, in numbers.

use super::check::readers_missed_duplicates_reordered;
use super::history::{Call, History};
use super::line::{BatchFate, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a run did, in numbers: the last line that is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events in the log.
    pub events: usize,
    /// Calls that were acknowledged.
    pub acked: usize,
    /// Calls whose outcome is unknown.
    pub unknown: usize,
    /// Calls that were refused.
    pub refused: usize,
    /// Processes that were killed.
    pub kills: u64,
    /// Connections that were cut.
    pub cuts: u64,
    /// Leases that went from one process to another.
    pub takeovers: usize,
    /// Batches of former owners that were refused.
    pub fenced: usize,
    /// Committed events that readers passed over.
    pub missed: usize,
    /// Events that a reader was given again.
    pub duplicates: usize,
    /// Events that a reader was given too late.
    pub reordered: usize,
    /// What makes the same plan again.
    pub seed: u64,
}

impl Report {
    /// The numbers of a run.
    pub fn of(history: &History, seed: u64, kills: u64, cuts: u64) -> Self {
        let count = |wanted: fn(&Outcome) -> bool| {
            history.calls.iter().filter(|Call { outcome, .. }| wanted(outcome)).count()
        };
        let (missed, duplicates, reordered) = readers_missed_duplicates_reordered(history);
        Self {
            events: history.log.len(),
            acked: count(|outcome| matches!(outcome, Outcome::Ok(_))),
            unknown: count(|outcome| matches!(outcome, Outcome::Unknown(_) | Outcome::Unexpected(_))),
            refused: count(|outcome| matches!(outcome, Outcome::Refused(_))),
            kills,
            cuts,
            takeovers: takeovers(history),
            fenced: history.batches.iter().filter(|batch| batch.fate == BatchFate::Fenced).count(),
            missed,
            duplicates,
            reordered,
            seed,
        }
    }
}

fn takeovers(history: &History) -> usize {
    let mut generations: BTreeMap<i64, Vec<(i64, u16)>> = BTreeMap::new();
    for (worker, grant) in &history.grants {
        generations.entry(grant.generation).or_default().push((grant.epoch, *worker));
    }
    let changes = |mut owners: Vec<(i64, u16)>| {
        owners.sort_unstable();
        owners.windows(2).filter(|pair| pair[0].1 != pair[1].1).count()
    };
    generations.into_values().map(changes).sum()
}

#[cfg(test)]
mod tests {
    use super::super::line::Granted;
    use super::*;

    #[test]
    fn a_takeover_is_a_lease_that_goes_to_another_process() {
        let mut history = History::default();
        for (worker, epoch) in [(1, 1), (2, 3), (1, 2), (2, 4)] {
            let granted =
                Granted { projection: "p".to_owned(), generation: 1, slices: (0, 1024), epoch, from: 0 };
            history.grants.push((worker, granted));
        }
        assert_eq!(Report::of(&history, 7, 1, 2).takeovers, 1);
        let json = serde_json::to_string(&Report::default()).unwrap();
        assert!(
            json.starts_with("{\"events\":0,\"acked\":0,\"unknown\":0,\"refused\":0,\"kills\":0,"),
            "{json}"
        );
    }
}
