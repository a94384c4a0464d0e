//! [`Snapshots`].

use crate::Version;

/// When to save a snapshot of an aggregate.
///
/// Snapshots are written behind the command and never fail it. They are a shortcut only: one that is damaged, foreign
/// or newer than its stream is ignored.
///
/// What a snapshot must hold is all of the state: a field that `Serialize` skips is lost in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshots {
    every: u64,
}

impl Snapshots {
    /// One each time the version passes a multiple of `events`, or so many had to be folded for a command; every event for 0
    /// and 1.
    #[must_use]
    pub fn every(events: u64) -> Self {
        Self { every: events.max(1) }
    }

    /// Whether a command that took a stream from one version to another passed a multiple, or had to fold as many.
    pub(crate) fn wants(self, from: Version, to: Version, folded: u64) -> bool {
        folded >= self.every || from.value() / self.every < to.value() / self.every
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_due_each_time_a_multiple_is_passed() {
        let due = |from, to| Snapshots::every(10).wants(Version::new(from), Version::new(to), 0);
        assert!(due(0, 10) && due(9, 10) && due(8, 25) && due(19, 21));
        assert!(!due(0, 9) && !due(10, 19) && !due(10, 10));
        assert!(Snapshots::every(0).wants(Version::ZERO, Version::new(1), 0));
    }

    #[test]
    fn a_snapshot_is_due_where_as_many_events_had_to_be_folded() {
        let due = |folded| Snapshots::every(10).wants(Version::new(14), Version::new(15), folded);
        assert!(due(10) && !due(9));
    }
}
