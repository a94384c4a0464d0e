//! [`Figures`]: what an entrant reached in its rounds.

use crate::case::Entry;
use crate::entrant::Role;
use anyhow::Result;
use contender::Outcome;

/// The outcomes of an entrant, by round.
pub(crate) struct Figures {
    pub(crate) label: String,
    pub(crate) role: Role,
    pub(crate) outcomes: Vec<(usize, Outcome)>,
    /// What was not as it should be, in any round.
    pub(crate) wrong: Option<String>,
    /// Why it takes no part.
    pub(crate) unsupported: Option<String>,
}

impl Figures {
    pub(crate) fn new(entry: &Entry) -> Self {
        Self {
            label: entry.entrant.label.clone(),
            role: entry.entrant.program.role,
            outcomes: Vec::new(),
            wrong: None,
            unsupported: None,
        }
    }

    /// Whether further rounds would show nothing.
    pub(crate) fn is_out(&self) -> bool {
        self.wrong.is_some() || self.unsupported.is_some()
    }

    pub(crate) fn add(&mut self, round: usize, outcome: Result<Outcome>) {
        match outcome {
            Ok(outcome) if outcome.unsupported.is_some() => self.unsupported = outcome.unsupported,
            Ok(outcome) => {
                self.wrong = self.wrong.take().or_else(|| outcome.wrong.clone());
                self.outcomes.push((round, outcome));
            }
            Err(error) => self.wrong = Some(format!("{error:#}")),
        }
    }

    /// Units a second: the median, the least and the most.
    pub(crate) fn rates(&self) -> Option<Spread> {
        Spread::of(self.outcomes.iter().map(|(_, outcome)| rate(outcome)))
    }

    /// The median of one figure.
    pub(crate) fn median(&self, figure: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        Spread::of(self.outcomes.iter().filter_map(|(_, outcome)| figure(outcome)))
            .map(|spread| spread.median)
    }

    /// How many times as much as `other` in the same rounds. Who took part in fewer rounds is compared by medians.
    pub(crate) fn ratio(&self, other: &Self, figure: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        let same = self.outcomes.iter().filter_map(|(round, outcome)| {
            let (_, other) = other.outcomes.iter().find(|(its, _)| its == round)?;
            Some(figure(outcome)? / figure(other)?)
        });
        let spread = Spread::of(same).map(|spread| spread.median);
        spread.or_else(|| Some(self.median(&figure)? / other.median(&figure)?))
    }

    pub(crate) fn errors(&self) -> u64 {
        self.outcomes.iter().map(|(_, outcome)| outcome.errors).sum()
    }
}

/// Units a second.
pub(crate) fn rate(outcome: &Outcome) -> f64 {
    outcome.units as f64 / outcome.seconds
}

/// The middle of several figures, and how far apart they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Self { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |figures: &[f64]| Spread::of(figures.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]).unwrap().median, 2.5);
    }

    #[test]
    fn a_ratio_is_of_the_same_round() {
        let figures = |rates: &[(usize, u64)]| Figures {
            label: String::new(),
            role: Role::Peer,
            outcomes: rates
                .iter()
                .map(|(round, units)| (*round, Outcome { units: *units, seconds: 1.0, ..Outcome::default() }))
                .collect(),
            wrong: None,
            unsupported: None,
        };
        let (a, b) = (figures(&[(0, 20), (1, 300)]), figures(&[(0, 10), (1, 100)]));
        assert_eq!(a.ratio(&b, |outcome| Some(rate(outcome))), Some(2.5));
    }
}
