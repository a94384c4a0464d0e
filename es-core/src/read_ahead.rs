//! [`ReadAhead`]: the next page is read while this one is dealt with.

use crate::{EventStore, Filter, LogPage, Position, StoreError};
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// Reads the log page by page. As long as it is known to have more, the next page is read beside the runtime's other tasks: one
/// page is held at most, beside the one that was given out.
#[derive(Default)]
pub(crate) struct ReadAhead {
    next: Option<Next>,
}

/// A page that is being read.
struct Next {
    after: Position,
    limit: usize,
    page: AbortOnDropHandle<Result<LogPage, StoreError>>,
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
        let ahead = match self.next.as_mut().filter(|next| (next.after, next.limit) == (after, limit)) {
            Some(next) => Some((&mut next.page).await),
            None => None,
        };
        self.next = None;
        let page = match ahead {
            Some(Ok(page)) => page?,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is about to end.
            Some(Err(_)) | None => store.read_all(after, filter, limit).await?,
        };
        if page.more
            && let Some(cursor) = page.cursor
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (store, filter, after) = (Arc::clone(store), filter.clone(), cursor.position);
            let read = async move { store.read_all(after, &filter, limit).await };
            self.next = Some(Next { after, limit, page: AbortOnDropHandle::new(runtime.spawn(read)) });
        }
        Ok(page)
    }

    /// Lets go of what was read ahead.
    pub(crate) fn forget(&mut self) {
        self.next = None;
    }
}
