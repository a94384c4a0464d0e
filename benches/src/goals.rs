//! What we mean to reach, beside what was reached.

use crate::case::Case;
use crate::entrant::Role;
use crate::figures::{Figures, rate};
use contender::Outcome;

/// Against whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    /// The best of the peers on PostgreSQL, without snapshots.
    BestPeer,
    /// The peer with this name.
    Peer(&'static str),
    /// The entrant with this label.
    Label(&'static str),
}

/// At least so many times as much as somebody, or, of latencies, at most.
struct Goal {
    case: &'static str,
    ours: &'static str,
    times: f64,
    against: Against,
    figure: Measured,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measured {
    Rate,
    P50,
    P99,
}

const fn goal(case: &'static str, ours: &'static str, times: f64, against: Against) -> Goal {
    Goal { case, ours, times, against, figure: Measured::Rate }
}

const fn at_most(case: &'static str, times: f64, figure: Measured) -> Goal {
    Goal { case, ours: "es-postgres", times, against: Against::Label("limit"), figure }
}

const ES: &str = "es-postgres";

/// A workload with ten million events in the store beside the same with a hundred thousand.
const fn grown(case: &'static str) -> Goal {
    goal(case, "es-postgres, 10000000 events", 0.8, Against::Label("es-postgres, 100000 events"))
}

const GOALS: [Goal; 22] = [
    goal("command, 1 at a time", ES, 1.7, Against::BestPeer),
    goal("command, 1 at a time", ES, 0.85, Against::Label("limit")),
    goal("command, 64 at a time", ES, 4.0, Against::BestPeer),
    goal("command, 64 at a time", ES, 3.0, Against::Peer("umadb")),
    goal("command, 64 at a time", "es-postgres + states in memory", 8.0, Against::BestPeer),
    goal("append, 1 event, 64 writers", ES, 6.0, Against::BestPeer),
    goal("append, 1 event, 64 writers", ES, 2.5, Against::Peer("umadb")),
    goal("append, 100 events, 64 writers", ES, 1.3, Against::BestPeer),
    goal("append, 100 events, 64 writers", ES, 0.8, Against::Label("limit coalesced")),
    goal("long, streams of 10000 events", ES, 1.8, Against::BestPeer),
    goal("replay, in memory", ES, 1.5, Against::BestPeer),
    goal("replay, in memory", ES, 1.0, Against::Peer("umadb")),
    goal("replay, into a table", ES, 50.0, Against::BestPeer),
    goal("replay, into a table", ES, 0.5, Against::Label("limit")),
    at_most("latency, 100 appends a second", 1.5, Measured::P50),
    at_most("latency, 100 appends a second", 2.0, Measured::P99),
    grown("growth: command, 1 at a time"),
    grown("growth: command, 64 at a time"),
    grown("growth: append, 1 event, 64 writers"),
    grown("growth: append, 100 events, 64 writers"),
    grown("growth: replay, in memory"),
    grown("growth: replay, into a table"),
];

/// A line for each goal of the case that can be told.
pub(crate) fn lines(case: &Case, figures: &[Figures]) -> Vec<String> {
    GOALS.iter().filter(|goal| goal.case == case.name).filter_map(|goal| goal.line(figures)).collect()
}

impl Goal {
    fn line(&self, figures: &[Figures]) -> Option<String> {
        let ours = figures.iter().find(|figures| figures.label == self.ours)?;
        let other = self.other(figures)?;
        let ratio = ours.ratio(other, |outcome| self.figure_of(outcome))?;
        let (word, reached, what) = match self.figure {
            Measured::Rate => ("at least", ratio >= self.times, ""),
            Measured::P50 => ("at most", ratio <= self.times, " of p50"),
            Measured::P99 => ("at most", ratio <= self.times, " of p99"),
        };
        let reached = if reached { "reached" } else { "MISSED" };
        let (ours, other, times) = (&ours.label, &other.label, self.times);
        Some(format!("{reached}: {ours} is {ratio:.2} x {other}{what}, {word} {times} is the goal"))
    }

    fn other<'f>(&self, figures: &'f [Figures]) -> Option<&'f Figures> {
        let median = |figures: &Figures| figures.rates().map_or(0.0, |rates| rates.median);
        let right = figures.iter().filter(|figures| figures.wrong.is_none() && figures.rates().is_some());
        let has_snapshots = |figures: &Figures| figures.label.ends_with(" + snapshots");
        let starts = |label: &str, name: &str| label == name || label.starts_with(&format!("{name} ("));
        match self.against {
            Against::BestPeer => right
                .filter(|figures| figures.role == Role::Peer && !starts(&figures.label, "umadb"))
                // Who has them does less.
                .filter(|figures| !has_snapshots(figures))
                .max_by(|a, b| median(a).total_cmp(&median(b))),
            Against::Peer(name) => right.into_iter().find(|figures| starts(&figures.label, name)),
            Against::Label(label) => right.into_iter().find(|figures| figures.label == label),
        }
    }

    fn figure_of(&self, outcome: &Outcome) -> Option<f64> {
        match self.figure {
            Measured::Rate => Some(rate(outcome)),
            Measured::P50 => outcome.latency.map(|latency| latency.p50),
            Measured::P99 => outcome.latency.map(|latency| latency.p99),
        }
    }
}
