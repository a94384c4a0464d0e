//! [`Tally`].

/// What came of the rows of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Carried out now.
    pub done: u64,
    /// Carried out by an earlier run.
    pub repeated: u64,
    /// Refused: damaged, or against a rule. Nothing of them is stored.
    pub rejected: u64,
    /// The first of those, by line.
    pub first_rejected: Vec<Rejected>,
}

/// A row that was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejected {
    pub line: u64,
    pub reason: String,
}

/// How many refused rows are shown one by one; the rest is a number.
pub const SHOWN_MAX: usize = 1_000;

impl Tally {
    /// All rows that were seen.
    pub fn rows(&self) -> u64 {
        self.done + self.repeated + self.rejected
    }

    /// Counts a refused row. Its lines come in order, so the first to be kept are the first there are.
    pub fn reject(&mut self, line: u64, reason: impl FnOnce() -> String) {
        self.rejected += 1;
        if self.first_rejected.len() < SHOWN_MAX {
            self.first_rejected.push(Rejected { line, reason: reason() });
        }
    }

    /// Adds what another has counted. As each has kept its own first, the first of all are among them.
    pub fn add(&mut self, other: Self) {
        self.done += other.done;
        self.repeated += other.repeated;
        self.rejected += other.rejected;
        self.first_rejected.extend(other.first_rejected);
        self.first_rejected.sort_unstable();
        self.first_rejected.truncate(SHOWN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_all_are_among_the_first_of_each() {
        let mut odd = Tally::default();
        let mut even = Tally::default();
        for line in 1..=3_000 {
            let tally = if line % 2 == 0 { &mut even } else { &mut odd };
            tally.reject(line, || "damaged".to_owned());
        }
        even.add(odd);
        assert_eq!(even.rejected, 3_000);
        assert!(even.first_rejected.iter().map(|rejected| rejected.line).eq(1..=1_000));
    }
}
