//! [`Findings`]: what was looked at, and what is wrong with it.

use crate::text::grouped;

/// How many findings are told; the rest is counted.
const TEXTS_MAX: usize = 1_000;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Positions,
    Versions,
    EventIds,
    Payloads,
    Checkpoints,
}

impl Check {
    pub(super) const ALL: [Self; 5] =
        [Self::Positions, Self::Versions, Self::EventIds, Self::Payloads, Self::Checkpoints];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Positions => "positions",
            Self::Versions => "versions",
            Self::EventIds => "event ids",
            Self::Payloads => "payloads",
            Self::Checkpoints => "checkpoints",
        }
    }
}

/// Counts for each check, and the findings in the order they were made.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checked: [u64; Check::ALL.len()],
    wrong: [u64; Check::ALL.len()],
    texts: Vec<String>,
    told: usize,
}

impl Findings {
    pub(super) fn checked(&mut self, check: Check, more: usize) {
        self.checked[check as usize] += more as u64;
    }

    /// Notes something wrong: one line, in which what strangers stored is escaped.
    pub(super) fn add(&mut self, check: Check, text: String) {
        self.wrong[check as usize] += 1;
        if self.texts.len() < TEXTS_MAX {
            self.texts.push(text);
        }
    }

    /// Lines for what was found since the last time.
    pub(super) fn news(&mut self) -> Vec<String> {
        let mut lines: Vec<_> = self.texts[self.told..].iter().map(|text| format!("wrong: {text}")).collect();
        if self.told < TEXTS_MAX && self.texts.len() == TEXTS_MAX {
            lines.push(format!(
                "wrong: further findings are counted, but not told beyond {}",
                grouped(TEXTS_MAX as u64)
            ));
        }
        self.told = self.texts.len();
        lines
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    pub(super) fn checked_of(&self, check: Check) -> u64 {
        self.checked[check as usize]
    }

    pub(super) fn wrong_of(&self, check: Check) -> u64 {
        self.wrong[check as usize]
    }

    pub(super) fn wrong(&self) -> u64 {
        self.wrong.iter().sum()
    }
}
