//! [`Reading`]: pages of the log that go on being read while nobody asks for them.

use crate::continuity::Continuity;
use crate::read_ahead::ReadAhead;
use crate::{EventStore, Filter, LogPage, Position, StoreError};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

/// What a page is read with.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) filter: Filter,
    pub(super) after: Position,
    pub(super) limit: usize,
}

/// Reads and checks page after page. Whoever is dropped while he waits, time and again, still gets on: the page is read by a
/// task of its own, and is there for the next call.
#[derive(Default)]
pub(super) struct Reading {
    reader: Reader,
    under_way: Option<AbortOnDropHandle<(Reader, Result<LogPage, StoreError>)>>,
}

impl Reading {
    /// The page that is under way, or else the one that is wanted. Cancel-safe.
    pub(super) async fn page(&mut self, wanted: &Wanted) -> Result<LogPage, StoreError> {
        let task = match &mut self.under_way {
            Some(task) => task,
            None => {
                let Ok(runtime) = Handle::try_current() else { return self.reader.page(wanted).await };
                let (mut reader, wanted) = (std::mem::take(&mut self.reader), wanted.clone());
                let read = async move {
                    let page = reader.page(&wanted).await;
                    (reader, page)
                };
                self.under_way.insert(AbortOnDropHandle::new(runtime.spawn(read)))
            }
        };
        let ended = task.await;
        self.under_way = None;
        match ended {
            Ok((reader, page)) => {
                self.reader = reader;
                page
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is about to end.
            Err(_) => self.reader.page(wanted).await,
        }
    }
}

/// What stays between two pages.
#[derive(Default)]
struct Reader {
    ahead: ReadAhead,
    continuity: Continuity,
}

impl Reader {
    async fn page(&mut self, wanted: &Wanted) -> Result<LogPage, StoreError> {
        let Wanted { store, filter, after, limit } = wanted;
        let page = self.ahead.read(store, *after, filter, *limit).await?;
        if page.events.is_empty() && !page.more {
            self.continuity.rest();
        } else if filter.is_everything() {
            self.continuity.check(&**store, &page.events).await?;
            self.continuity.remember();
        }
        Ok(page)
    }
}
