//! [`Patience`]: how long a run waits for its workers, which may be slow, but not idle.

use super::journal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long nothing may happen before whoever has not come to its end is stuck.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long it may take in all: workers that keep each other from coming to an end write all the time.
pub const WAIT_MAX: Duration = Duration::from_secs(90);

/// How often to look whether something has happened.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What is left of it, renewed by every line in a journal.
pub struct Patience {
    journals: Vec<PathBuf>,
    written: u64,
    silent_since: Instant,
    since: Instant,
}

impl Patience {
    /// With the workers whose journals are in `folder`.
    pub fn with(folder: &Path, workers: &[u16]) -> Self {
        let journals = workers.iter().map(|worker| journal::path(folder, *worker)).collect();
        let now = Instant::now();
        Self { journals, written: 0, silent_since: now, since: now }
    }

    /// What `work` gives, or nothing if it has not come to its end by the time this has.
    pub async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            // Even where there is no patience left: who has ended, has ended.
            if let Ok(done) = tokio::time::timeout(LOOK_INTERVAL, &mut work).await {
                return Some(done);
            }
            if !self.is_left() {
                return None;
            }
        }
    }

    fn is_left(&mut self) -> bool {
        let sizes = self.journals.iter().filter_map(|journal| Some(journal.metadata().ok()?.len()));
        let (written, now) = (sizes.sum(), Instant::now());
        if written > self.written {
            self.written = written;
            self.silent_since = now;
        }
        now - self.silent_since < SILENCE_MAX && now - self.since < WAIT_MAX
    }
}
