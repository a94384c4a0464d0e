//! The checker: compares what was written down with what is there, and names what must not happen.

mod commands;
mod log;
mod outcomes;
mod projections;
mod readers;

use super::history::History;
use std::fmt;

/// How many lines of history are shown for one anomaly.
const LINES_MAX: usize = 14;

/// What must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Its name.
    pub name: &'static str,
    /// What was found where.
    pub what: String,
    /// The shortest history that shows it.
    pub history: Vec<String>,
}

impl Anomaly {
    fn new(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, what: what.into(), history: Vec::new() }
    }

    fn with(self, history: impl IntoIterator<Item = impl fmt::Debug>) -> Self {
        let history = history.into_iter().take(LINES_MAX).map(|line| format!("{line:?}")).collect();
        Self { history, ..self }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "anomaly: {} — {}", self.name, self.what)?;
        self.history.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// A check of one kind of anomaly, or of some that are seen by one look.
type Check = fn(&History) -> Vec<Anomaly>;

const CHECKS: [Check; 20] = [
    log::duplicates,
    log::positions,
    log::versions,
    log::global_order,
    outcomes::lost,
    outcomes::phantoms,
    outcomes::torn,
    outcomes::wrong_answers,
    outcomes::real_time,
    outcomes::expectations,
    commands::totals,
    commands::answers,
    readers::skipped,
    readers::polls,
    readers::aborted,
    readers::divergent,
    readers::stream_reads,
    projections::checkpoints,
    projections::owners,
    projections::views,
];

/// Everything that must not have happened.
pub fn check(history: &History) -> Vec<Anomaly> {
    let failed = history.failures.iter().map(|failure| Anomaly::new("unexpected error", failure.as_str()));
    let stuck = history.stuck.iter().map(|stuck| Anomaly::new("stuck", stuck.as_str()));
    let found = CHECKS.iter().flat_map(|check| check(history));
    found.chain(failed).chain(stuck).collect()
}

/// How many committed events readers passed over, were given twice, and were given too late.
pub fn readers_missed_duplicates_reordered(history: &History) -> (usize, usize, usize) {
    readers::count(history)
}

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod tests {
    use super::fixtures::good;
    use super::*;

    #[test]
    fn a_good_history_has_no_anomaly() {
        assert_eq!(check(&good()), []);
        assert_eq!(readers_missed_duplicates_reordered(&good()), (0, 0, 0));
    }

    #[test]
    fn an_anomaly_is_shown_with_its_history() {
        let shown = Anomaly::new("lost", "an event").with([1, 2]).to_string();
        assert_eq!(shown, "anomaly: lost — an event\n    1\n    2");
    }

    #[test]
    fn a_failure_and_whoever_is_late_are_named() {
        let mut history = good();
        history.failures.push("a task: an error".to_owned());
        history.stuck.push("worker 3".to_owned());
        let names: Vec<_> = check(&history).iter().map(|found| found.name).collect();
        assert_eq!(names, ["unexpected error", "stuck"]);
    }
}
