//! [`Subscription`].

use crate::continuity::Continuity;
use crate::read_ahead::ReadAhead;
use crate::{EventStore, Filter, Payload, Position, Recorded, StoreError, WakeUps};
use futures::stream::{self, Stream};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Reads the log on and on, in order, without missing an event.
///
/// It reads a page when it is asked for more than it has, and the next one meanwhile where the log is known to have more, so a
/// slow reader holds two pages and no more. Where it is, is
/// the reader's to keep: store the [`position`](Recorded::position) of the last event that was dealt with.
///
/// ```
/// # use es_core::{Position, Subscription};
/// # async fn example() -> Result<(), es_core::StoreError> {
/// # let store = es_memory::MemoryStore::default();
/// let mut subscription = Subscription::new(store).after(Position::new(17));
/// loop {
///     let event = subscription.next().await?;
///     println!("{} {}", event.position, event.name);
/// }
/// # }
/// ```
pub struct Subscription {
    store: Arc<dyn EventStore>,
    filter: Filter,
    after: Position,
    page_events_max: usize,
    poll_interval: Duration,
    wake_ups: WakeUps,
    continuity: Continuity,
    ahead: ReadAhead,
    page: VecDeque<Recorded<Payload>>,
}

impl Subscription {
    /// Reads the log of `store` from its start.
    pub fn new(store: impl EventStore) -> Self {
        Self {
            wake_ups: store.wake_ups(),
            store: Arc::new(store),
            filter: Filter::default(),
            after: Position::START,
            page_events_max: 1_000,
            poll_interval: Duration::from_millis(100),
            continuity: Continuity::default(),
            ahead: ReadAhead::default(),
            page: VecDeque::new(),
        }
    }

    /// Begins behind `position`.
    #[must_use]
    pub fn after(self, position: Position) -> Self {
        Self { after: position, ..self }
    }

    /// Gives only what passes `filter`.
    #[must_use]
    pub fn filtered(self, filter: Filter) -> Self {
        Self { filter, ..self }
    }

    /// Sets how many events a page has at most; 1,000 by default.
    #[must_use]
    pub fn with_page_events_max(self, page_events_max: usize) -> Self {
        Self { page_events_max, ..self }
    }

    /// Sets how long to wait before looking although nothing has woken it; 100 ms by default.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// The next event; waits for one at the end of the log. Cancel-safe: a call that is dropped takes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; the next call tries again. [`StoreError::Gap`] when a stream misses an event: only a
    /// subscription without a filter can see that.
    pub async fn next(&mut self) -> Result<Recorded<Payload>, StoreError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(event);
            }
            let page = self.ahead.read(&self.store, self.after, &self.filter, self.page_events_max).await?;
            if page.events.is_empty() && !page.more {
                self.continuity.rest();
                self.wake_ups.changed_or(self.poll_interval).await;
            } else if self.filter.is_everything() {
                let seen = self.continuity.check(&*self.store, &page.events).await?;
                self.continuity.remember(seen);
            }
            if let Some(cursor) = page.cursor {
                self.after = cursor.position;
            }
            self.page = page.events.into();
        }
    }

    /// The same as a stream that never ends by itself.
    pub fn into_stream(self) -> impl Stream<Item = Result<Recorded<Payload>, StoreError>> + Send {
        stream::unfold(self, |mut subscription| async move {
            let event = subscription.next().await;
            Some((event, subscription))
        })
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("after", &self.after)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}
