//! [`ReadAhead`]: the next pages are read while one is dealt with.

use crate::{EventStore, Filter, LogPage, Position, StoreError};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Reads the log page by page. As long as it is known to have more, a task goes on reading beside the runtime's others: it has
/// one page ready and another in hand, at most, beside the one that was given out.
#[derive(Default)]
pub(crate) struct ReadAhead {
    under_way: Option<UnderWay>,
}

/// The pages behind a position, as they are read.
struct UnderWay {
    after: Position,
    limit: usize,
    pages: mpsc::Receiver<Result<LogPage, StoreError>>,
    task: AbortOnDropHandle<()>,
}

impl ReadAhead {
    /// The page behind `after`. Cancel-safe: what is being read is there for the next call.
    pub(crate) async fn read<S: EventStore + ?Sized>(
        &mut self,
        store: &Arc<S>,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        let mut ahead = None;
        if let Some(under_way) = self.under_way.as_mut().filter(|it| (it.after, it.limit) == (after, limit)) {
            ahead = under_way.pages.recv().await;
            if ahead.is_none() {
                under_way.ended().await;
            }
        }
        let Some(page) = ahead else {
            self.under_way = None;
            let page = store.read_all(after, filter, limit).await?;
            self.under_way = next(&page).and_then(|after| UnderWay::start(store, after, filter, limit));
            return Ok(page);
        };
        match (&mut self.under_way, page.as_ref().ok().and_then(next)) {
            (Some(under_way), Some(after)) => under_way.after = after,
            _ => self.under_way = None,
        }
        page
    }

    /// Lets go of what was read ahead.
    pub(crate) fn forget(&mut self) {
        self.under_way = None;
    }
}

/// Where to go on behind a page, if there is more.
fn next(page: &LogPage) -> Option<Position> {
    page.cursor.filter(|_| page.more).map(|cursor| cursor.position)
}

impl UnderWay {
    fn start<S: EventStore + ?Sized>(
        store: &Arc<S>,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Option<Self> {
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let (store, filter, mut at) = (Arc::clone(store), filter.clone(), Some(after));
        let (sender, pages) = mpsc::channel(1);
        let task = runtime.spawn(async move {
            while let Some(after) = at {
                let page = store.read_all(after, &filter, limit).await;
                at = page.as_ref().ok().and_then(next);
                if sender.send(page).await.is_err() {
                    return;
                }
            }
        });
        Some(Self { after, limit, pages, task: AbortOnDropHandle::new(task) })
    }

    /// It gives no more pages: it has panicked, or else the runtime is about to end.
    async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}
