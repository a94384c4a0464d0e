//! [`Subscription`].

mod reading;

use crate::{EventStore, Filter, Payload, Position, Recorded, StoreError, WakeUps};
use futures::stream::{self, Stream};
use reading::{Reading, Wanted};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Reads the log on and on, in order, without missing an event.
///
/// It reads a page when it is asked for more than it has, and the next ones meanwhile where the log is known to have more: a
/// slow reader holds three pages and no more. Where it is, is the reader's to keep: store the
/// [`position`](Recorded::position) of the last event that was dealt with.
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
    wanted: Wanted,
    poll_interval: Duration,
    wake_ups: WakeUps,
    reading: Reading,
    page: VecDeque<Recorded<Payload>>,
}

impl Subscription {
    /// Reads the log of `store` from its start.
    pub fn new(store: impl EventStore) -> Self {
        Self {
            wake_ups: store.wake_ups(),
            wanted: Wanted {
                store: Arc::new(store),
                filter: Filter::default(),
                after: Position::START,
                limit: 1_000,
            },
            poll_interval: Duration::from_millis(100),
            reading: Reading::default(),
            page: VecDeque::new(),
        }
    }

    /// Begins behind `position`.
    #[must_use]
    pub fn after(self, position: Position) -> Self {
        self.wanting(|wanted| wanted.after = position)
    }

    /// Gives only what passes `filter`.
    #[must_use]
    pub fn filtered(self, filter: Filter) -> Self {
        self.wanting(|wanted| wanted.filter = filter)
    }

    /// Sets how many events a page has at most; 1,000 by default.
    #[must_use]
    pub fn with_page_events_max(self, page_events_max: usize) -> Self {
        self.wanting(|wanted| wanted.limit = page_events_max)
    }

    /// Sets how long to wait before looking although nothing has woken it; 100 ms by default.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Whatever was read for it before is forgotten.
    fn wanting(mut self, change: impl FnOnce(&mut Wanted)) -> Self {
        change(&mut self.wanted);
        Self { reading: Reading::default(), ..self }
    }

    /// The next event; waits for one at the end of the log. Cancel-safe: a call that is dropped takes nothing, and what it has
    /// begun to read is there for the next one.
    ///
    /// # Errors
    /// [`StoreError`]; the next call tries again. [`StoreError::Gap`] when a stream misses an event: only a
    /// subscription without a filter can see that.
    pub async fn next(&mut self) -> Result<Recorded<Payload>, StoreError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Ok(event);
            }
            let page = self.reading.page(&self.wanted).await?;
            if let Some(cursor) = page.cursor {
                self.wanted.after = cursor.position;
            }
            if page.events.is_empty() && !page.more {
                self.wake_ups.changed_or(self.poll_interval).await;
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
            .field("after", &self.wanted.after)
            .field("filter", &self.wanted.filter)
            .finish_non_exhaustive()
    }
}
