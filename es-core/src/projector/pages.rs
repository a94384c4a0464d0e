//! [`Pages`]: one reader of the log for all who are at its end.

use crate::{Filter, LogPage, Position, Store, StoreError, WakeUps};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Hands the page behind the end of the log to all followers of a process that ask for it, and reads it once. Whoever is
/// behind reads for itself, so that one page is all that is ever kept.
pub(crate) struct Pages {
    store: Arc<dyn Store>,
    wake_ups: WakeUps,
    last: Mutex<Option<Read>>,
}

/// A page, and when it was read.
struct Read {
    after: Position,
    limit: usize,
    /// How often readers had been woken when it began.
    woken: u64,
    began: Instant,
    page: LogPage,
}

impl Pages {
    pub(crate) fn of(store: Arc<dyn Store>) -> Self {
        let wake_ups = store.wake_ups();
        Self { store, wake_ups, last: Mutex::default() }
    }

    /// The page behind `after`: that of another follower, if it was read after the last time that readers were woken; one
    /// that has nothing is at most half as old as who asks would wait before looking again.
    pub(super) async fn read(
        &self,
        after: Position,
        limit: usize,
        poll_interval: Duration,
    ) -> Result<LogPage, StoreError> {
        let woken = self.wake_ups.times();
        let mut last = self.last.lock().await;
        if let Some(read) = &*last
            && (read.after, read.limit) == (after, limit)
            && read.woken >= woken
            && (read.page.cursor.is_some() || read.began.elapsed() < poll_interval / 2)
        {
            return Ok(read.page.clone());
        }
        let (woken, began) = (self.wake_ups.times(), Instant::now());
        let page = self.store.read_all(after, &Filter::default(), limit).await?;
        *last = Some(Read { after, limit, woken, began, page: page.clone() });
        Ok(page)
    }
}
