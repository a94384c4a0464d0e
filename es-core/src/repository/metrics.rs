//! What repositories measure.

use crate::metrics::{
    APPEND_SECONDS, APPENDS, CACHE_READS, COMMAND_RETRIES, COMMAND_SECONDS, COMMANDS, EVENTS_APPENDED,
    LOAD_EVENTS, LOAD_SECONDS, SNAPSHOT_READS,
};
use crate::{Aggregate, AppendError, Appended, Committed, ExecuteError};
use metrics::{Counter, Histogram};
use std::time::Duration;

/// The instruments of one category, taken when the repository is made and shared by its clones.
pub(super) struct RepositoryMetrics {
    commands: Outcomes<5>,
    command_seconds: Histogram,
    pub(super) retries: Counter,
    appends: Outcomes<4>,
    append_seconds: Histogram,
    events_appended: Counter,
    load_seconds: Histogram,
    load_events: Histogram,
    snapshot_reads: Outcomes<3>,
    cache_reads: Outcomes<3>,
}

/// A counter for each outcome.
struct Outcomes<const N: usize>([(&'static str, Counter); N]);

impl<const N: usize> Outcomes<N> {
    fn of(metric: crate::metrics::Metric, category: &str, outcomes: [&'static str; N]) -> Self {
        Self(outcomes.map(|outcome| (outcome, metric.counter(&[category, outcome]))))
    }

    fn count(&self, outcome: &str) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == outcome) {
            counter.increment(1);
        }
    }
}

impl RepositoryMetrics {
    pub(super) fn of(category: &str) -> Self {
        let commands = ["done", "repeated", "rejected", "conflict", "error"];
        Self {
            commands: Outcomes::of(COMMANDS, category, commands),
            command_seconds: COMMAND_SECONDS.histogram(&[category]),
            retries: COMMAND_RETRIES.counter(&[category]),
            appends: Outcomes::of(APPENDS, category, ["written", "repeated", "conflict", "error"]),
            append_seconds: APPEND_SECONDS.histogram(&[category]),
            events_appended: EVENTS_APPENDED.counter(&[category]),
            load_seconds: LOAD_SECONDS.histogram(&[category]),
            load_events: LOAD_EVENTS.histogram(&[category]),
            snapshot_reads: Outcomes::of(SNAPSHOT_READS, category, ["hit", "miss", "ignored"]),
            cache_reads: Outcomes::of(CACHE_READS, category, ["hit", "miss", "stale"]),
        }
    }

    pub(super) fn command(&self, outcome: &str, took: Duration) {
        self.commands.count(outcome);
        self.command_seconds.record(took);
    }

    pub(super) fn append(&self, outcome: &str, events: usize, took: Duration) {
        self.appends.count(outcome);
        self.append_seconds.record(took);
        if outcome == "written" {
            self.events_appended.increment(events as u64);
        }
    }

    pub(super) fn load(&self, events: u64, took: Duration) {
        self.load_seconds.record(took);
        self.load_events.record(events as f64);
    }

    pub(super) fn snapshot(&self, outcome: &str) {
        self.snapshot_reads.count(outcome);
    }

    pub(super) fn cache(&self, outcome: &str) {
        self.cache_reads.count(outcome);
    }
}

/// How a command ended, in a word.
pub(super) fn command_outcome<A: Aggregate>(
    outcome: &Result<Committed<A>, ExecuteError<A::Error>>,
) -> &'static str {
    match outcome {
        Ok(committed) if committed.repeated => "repeated",
        Ok(_) => "done",
        Err(ExecuteError::Rejected(_)) => "rejected",
        Err(ExecuteError::Conflict(_)) => "conflict",
        Err(ExecuteError::Store(_)) => "error",
    }
}

/// How an append ended, in a word.
pub(super) fn append_outcome(outcome: &Result<Appended, AppendError>) -> &'static str {
    match outcome {
        Ok(appended) if appended.repeated => "repeated",
        Ok(_) => "written",
        Err(AppendError::Conflict(_)) => "conflict",
        Err(AppendError::Store(_)) => "error",
    }
}
