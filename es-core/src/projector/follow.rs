//! One owner of one generation, following the log.

mod ahead;

use super::lag::Lag;
use super::metrics::{GenerationMetrics, Owning};
use super::pages::Pages;
use super::{ProjectorError, Target, traces};
use crate::continuity::Continuity;
use crate::{CommitError, Cursor, Filter, Grant, LogPage, Payload, Position, Recorded, Store, StoreError};
use ahead::Ahead;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

/// Reads pages behind the grant's cursor and hands them to the target, until the grant is lost.
pub(super) struct Follower {
    pub(super) grant: Grant,
    pub(super) target: Box<dyn Target>,
    continuity: Continuity,
    pub(super) batch_events_max: usize,
    /// Where the end of the log is read, and how often at the least.
    pages: Option<(Arc<Pages>, Duration)>,
    /// Where everything is read, with others that are at the same row.
    together: Option<Arc<Pages>>,
    /// Whether the log had no more at the last look.
    at_the_end: bool,
    ahead: Ahead,
    /// How many bytes of views are held at most before they are written, in a build.
    pub(super) bytes_max: usize,
    /// How many events are read at a time there.
    pub(super) page_events_max: usize,
    metrics: GenerationMetrics,
    lag: Lag,
    _owning: Owning,
}

/// What one step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// How many events were read.
    pub(super) events: usize,
    /// Whether the log had more.
    pub(super) more: bool,
}

impl Follower {
    /// Begins where the grant's owner before left off, if the log is still the one it has read.
    pub(super) async fn begin(
        grant: Grant,
        mut target: Box<dyn Target>,
        batch_events_max: usize,
        pages: Option<(Arc<Pages>, Duration)>,
        metrics: &GenerationMetrics,
    ) -> Result<Self, ProjectorError> {
        for cursor in [grant.cursor, grant.until] {
            let begun = same_history(target.store(), cursor).await;
            begun.map_err(|source| ProjectorError::store(&grant.projection, source))?;
        }
        target.begin(&grant).await?;
        Ok(Self {
            lag: Lag::new(metrics.clone(), &grant),
            bytes_max: target.store().held_bytes_max(),
            ahead: Ahead::default(),
            page_events_max: batch_events_max,
            grant,
            target,
            continuity: Continuity::default(),
            batch_events_max,
            pages,
            together: None,
            at_the_end: false,
            metrics: metrics.clone(),
            _owning: metrics.own(),
        })
    }

    pub(super) fn read_with_others(&mut self, pages: Option<Arc<Pages>>) {
        self.together = pages;
    }

    /// Reads one page, and no further than `until`, and applies it. Where an event in it cannot be applied, what comes
    /// before that event is.
    pub(super) async fn step(&mut self, until: Option<Position>) -> Result<Step, ProjectorError> {
        let begun = self.grant.position();
        let mut error = match self.apply_page(until).await {
            Err(error) => error,
            applied => return applied,
        };
        while !self.target.has_done_what_comes_before()
            && let Some(position) = error.position()
            && position.value() > begun.value() + 1
        {
            match self.apply_page(Some(Position::new(position.value() - 1))).await {
                Ok(_) => break,
                // There is one before it.
                Err(earlier) if earlier.position() < error.position() => error = earlier,
                Err(other) => return Err(other),
            }
        }
        Err(error)
    }

    async fn apply_page(&mut self, until: Option<Position>) -> Result<Step, ProjectorError> {
        let store = self.target.store().clone();
        let mut page = self.read_page(&store).await?;
        self.at_the_end = !page.more;
        let unread = self.lag.read(&*store, self.grant.position(), &page).await;
        if let Some(until) = until {
            cut(&mut page, until);
        }
        let (Some(to), events) = (page.cursor, page.events.len()) else {
            return Ok(Step { events: 0, more: false });
        };
        self.check_continuity(&store, &page.events).await?;
        let recorded_at = page.events.last().map(|event| event.recorded_at);
        self.apply(page.events, to).await?;
        self.continuity.remember();
        if self.at_the_end {
            self.continuity.rest();
        }
        self.grant.cursor = Some(to);
        self.lag.finished(to.position, recorded_at, &unread);
        self.metrics.batch_events.record(events as f64);
        Ok(Step { events, more: page.more })
    }

    async fn check_continuity(
        &mut self,
        store: &Arc<dyn Store>,
        events: &[Recorded<Payload>],
    ) -> Result<(), ProjectorError> {
        let continuous = self.continuity.check(store, events).await;
        continuous.map_err(|source| ProjectorError::store(&self.grant.projection, source))
    }

    async fn read_page(&self, store: &Arc<dyn Store>) -> Result<LogPage, ProjectorError> {
        let began = Instant::now();
        let (after, limit) = (self.grant.position(), self.batch_events_max);
        let page = match (&self.together, &self.pages) {
            (Some(pages), _) => pages.read(after, limit, Duration::ZERO).await,
            (None, Some((pages, interval))) if self.at_the_end => pages.read(after, limit, *interval).await,
            _ => store.read_all(after, &Filter::default(), limit).await,
        };
        let page = page.map_err(|source| ProjectorError::store(&self.grant.projection, source))?;
        if page.cursor.is_some() {
            self.metrics.read_seconds.record(began.elapsed());
        }
        Ok(page)
    }

    /// Gives the target what it wants of `events`, and moves the checkpoint.
    async fn apply(&mut self, mut events: Vec<Recorded<Payload>>, to: Cursor) -> Result<(), ProjectorError> {
        self.keep_wanted(&mut events);
        let (began, count) = (Instant::now(), events.len());
        let span = self.batch_span(&events, to);
        // A target that panicked is never used again: its follower ends with this error.
        let applied = caught(&self.grant, self.target.apply(&self.grant, events, to)).instrument(span).await;
        self.metrics.dead_letters.increment(self.target.take_dead_letters());
        applied?;
        self.metrics.events.increment(count as u64);
        self.metrics.batch_seconds.record(began.elapsed());
        Ok(())
    }

    /// Leaves out what the target does not want.
    fn keep_wanted(&self, events: &mut Vec<Recorded<Payload>>) {
        let filter = self.target.filter();
        events.retain(|event| filter.wants(&event.stream, &event.name));
    }

    fn batch_span(&self, events: &[Recorded<Payload>], to: Cursor) -> Span {
        let projection = &self.grant.projection;
        let span = info_span!(
            "batch",
            projection = projection.name(),
            version = projection.version(),
            state = self.grant.lease.of.as_str(),
            events = events.len(),
            position = to.position.value(),
            traceparents = Empty,
            traceparents_more = Empty,
        );
        traces::record_in(&span, events);
        span
    }

    /// Steps until the log has no more, or `until` is reached; `each` sees every step.
    pub(super) async fn follow(
        &mut self,
        until: Option<Position>,
        mut each: impl FnMut(&Grant, Step),
    ) -> Result<(), ProjectorError> {
        loop {
            let step = self.step(until).await?;
            each(&self.grant, step);
            if !step.more {
                return Ok(());
            }
        }
    }

    /// Whether the grant was for a part of a shard, which is where the others are by now.
    pub(super) fn is_done_with_its_part(&self) -> bool {
        self.grant.until.is_some_and(|until| self.grant.position() >= until.position)
    }

    /// Renews the lease while there is nothing to do.
    pub(super) async fn renew(&self) -> Result<(), ProjectorError> {
        self.target.renew(&self.grant).await.map_err(|error| self.commit_failed(error))
    }

    pub(super) fn commit_failed(&self, error: CommitError) -> ProjectorError {
        ProjectorError::commit(&self.grant.projection, error)
    }
}

/// What `work` gives; a panic in it is a failure.
async fn caught<T>(
    grant: &Grant,
    work: impl Future<Output = Result<T, ProjectorError>>,
) -> Result<T, ProjectorError> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(ProjectorError::Panicked(grant.projection.clone())))
}

/// Leaves out what comes after `until`.
fn cut(page: &mut LogPage, until: Position) {
    page.events.retain(|event| event.position <= until);
    let last = page.events.last();
    page.cursor = last.map(|event| Cursor { position: event.position, event_id: event.event_id });
    page.more &= last.is_some_and(|event| event.position < until);
}

/// Whether the log still has the event that was read last where it was read.
async fn same_history(store: &Arc<dyn Store>, cursor: Option<Cursor>) -> Result<(), StoreError> {
    let Some(Cursor { position, event_id: expected }) = cursor else {
        return Ok(());
    };
    let found = store.event_id_at(position).await?;
    if found == Some(expected) {
        Ok(())
    } else {
        Err(StoreError::HistoryDiverged { position, expected, found })
    }
}
