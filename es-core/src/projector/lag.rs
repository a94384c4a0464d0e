//! [`Lag`]: how far a follower is behind the end of the log.

use super::metrics::{GenerationMetrics, Place};
use crate::{Grant, LogPage, Position, Slices, Store};
use chrono::{DateTime, Utc};
use std::time::{Duration, Instant};

/// How often a follower that is behind asks where the log ends.
const HEAD_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the gauges of a generation. Everything it shows comes from pages that are read anyway, but for the end of the
/// log while the follower is far behind it. Ages are by this process's clock, compared with the store's in the events.
pub(super) struct Lag {
    metrics: GenerationMetrics,
    slices: Slices,
    /// The end of the log as far as it was seen.
    head: Position,
    asked: Option<Instant>,
}

/// A page that was read and is not finished.
pub(super) struct Unread {
    last: Position,
    more: bool,
}

impl Lag {
    pub(super) fn new(metrics: GenerationMetrics, grant: &Grant) -> Self {
        Self { metrics, slices: grant.slices, head: grant.position(), asked: None }
    }

    /// A page was read behind `position`: until it is finished, its first event is the oldest that is not.
    pub(super) async fn read(&mut self, store: &dyn Store, position: Position, page: &LogPage) -> Unread {
        let last = page.cursor.map_or(position, |cursor| cursor.position);
        self.head = self.head.max(last);
        if page.more {
            self.look_ahead(store).await;
        }
        self.show(position, page.events.first().map(|event| event.recorded_at));
        Unread { last, more: page.more }
    }

    /// Everything up to `position` is finished; the last event of it was recorded at this time.
    pub(super) fn finished(&self, position: Position, recorded_at: Option<DateTime<Utc>>, unread: &Unread) {
        let is_behind = unread.more || position < unread.last;
        self.show(position, recorded_at.filter(|_| is_behind));
    }

    /// Shows the distance from `position`, and the age of what was recorded at this time; nothing is unread without it.
    fn show(&self, position: Position, recorded_at: Option<DateTime<Utc>>) {
        let (lag_positions, lag_seconds) = match recorded_at {
            None => (0, 0.0),
            Some(time) => {
                let age = (Utc::now() - time).to_std().unwrap_or_default();
                (self.head.value().saturating_sub(position.value()), age.as_secs_f64())
            }
        };
        self.metrics.show(self.slices, Place { position, lag_positions, lag_seconds });
    }

    /// A store that cannot say where its end is leaves what was seen so far: reading on will tell what is wrong.
    async fn look_ahead(&mut self, store: &dyn Store) {
        if self.asked.is_some_and(|asked| asked.elapsed() < HEAD_INTERVAL) {
            return;
        }
        self.asked = Some(Instant::now());
        if let Ok(Some(head)) = store.head().await {
            self.head = self.head.max(head.position);
        }
    }
}
