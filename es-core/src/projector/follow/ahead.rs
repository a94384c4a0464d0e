//! Folding a build ahead of its checkpoint.

use super::{Follower, Step, caught, cut};
use crate::projector::{FoldAhead, Held, ProjectorError, Target};
use crate::read_ahead::ReadAhead;
use crate::{Cursor, Filter, GenerationState, Grant, LogPage, Position};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// How much work a kill may cost: what was folded is written after this time, or after a few times as long as writing took.
const UNWRITTEN_MAX: Duration = Duration::from_secs(10);

/// How many times longer it folds than it writes.
const FOLDING_TO_WRITING: u32 = 4;

/// What is folded and not written, and how to go on.
pub(super) struct Ahead {
    pub(super) reading: ReadAhead,
    held: Option<Pages>,
    /// How far was read.
    reached: Position,
    /// Up to here, pages are applied one by one: one of them could not be folded.
    careful_until: Position,
    /// Writing many pages together has failed: it is not tried again.
    gave_up: bool,
    renewed: Instant,
    writing_took: Duration,
}

/// Pages that are folded and not written.
struct Pages {
    to: Cursor,
    /// How many events were read, and how many of them the target wanted.
    events: usize,
    wanted: usize,
    since: Instant,
    folding_took: Duration,
}

impl Default for Ahead {
    fn default() -> Self {
        Self {
            reading: ReadAhead::default(),
            held: None,
            reached: Position::START,
            careful_until: Position::START,
            gave_up: false,
            renewed: Instant::now(),
            writing_took: Duration::ZERO,
        }
    }
}

impl Follower {
    /// Where it is, with what is folded and not written yet.
    pub(in crate::projector) fn position(&self) -> Position {
        self.ahead.held.as_ref().map_or(self.grant.position(), |held| held.to.position)
    }

    /// As [`step`](Self::step), but in a build a page is written later, together with others, where the target can. Where
    /// that goes wrong it goes back to what is written, and on from there page by page.
    pub(in crate::projector) async fn step_ahead(
        &mut self,
        until: Option<Position>,
    ) -> Result<Step, ProjectorError> {
        if !self.may_fold_ahead() {
            return self.step(until).await;
        }
        match self.fold_page(until).await {
            Err(error) if self.goes_back_after(&error) => self.step(until).await,
            folded => folded,
        }
    }

    /// Writes what is folded; says whether all is written, or it has gone back and begins again.
    pub(in crate::projector) async fn write_ahead(&mut self) -> Result<bool, ProjectorError> {
        match self.write_held().await {
            Err(error) if self.goes_back_after(&error) => Ok(false),
            written => written.map(|()| true),
        }
    }

    fn may_fold_ahead(&mut self) -> bool {
        self.grant.lease.of == GenerationState::Building
            && !self.ahead.gave_up
            && self.grant.position() >= self.ahead.careful_until
            && self.target.ahead().is_some()
    }

    /// Lets go of what is folded after an error, unless it is the end in any case.
    fn goes_back_after(&mut self, error: &ProjectorError) -> bool {
        if matches!(error, ProjectorError::Fenced(_)) {
            return false;
        }
        tracing::debug!(
            projection = %self.grant.projection,
            from = self.position().value(),
            to = self.grant.position().value(),
            error = error.chain(),
            "a build goes back to what is written, and on page by page"
        );
        if let Some(target) = self.target.ahead() {
            target.forget();
        }
        self.ahead.held = None;
        self.ahead.careful_until = self.ahead.reached;
        self.ahead.reading.forget();
        self.continuity = Default::default();
        true
    }

    async fn fold_page(&mut self, until: Option<Position>) -> Result<Step, ProjectorError> {
        if self.ahead.renewed.elapsed() > self.grant.lease.duration / 3 {
            self.renew().await?;
            self.ahead.renewed = Instant::now();
        }
        let store = self.target.store().clone();
        let began = Instant::now();
        let mut page = self.read_page_ahead().await?;
        if page.cursor.is_some() {
            self.metrics.read_seconds.record(began.elapsed());
        }
        let unread = self.lag.read(&*store, self.position(), &page).await;
        if let Some(until) = until {
            cut(&mut page, until);
        }
        let (Some(to), events, more) = (page.cursor, page.events.len(), page.more) else {
            return Ok(Step { events: 0, more: false });
        };
        self.ahead.reached = to.position;
        self.check_continuity(&store, &page.events).await?;
        let recorded_at = page.events.last().map(|event| event.recorded_at);
        let folding = Instant::now();
        let (held, wanted) = self.fold(page, to).await?;
        self.continuity.remember();
        self.lag.finished(to.position, recorded_at, &unread);
        let now = Instant::now();
        let none = Pages { to, events: 0, wanted: 0, since: now, folding_took: Duration::ZERO };
        let pages = self.ahead.held.get_or_insert(none);
        pages.to = to;
        pages.events += events;
        pages.folding_took += now - folding;
        pages.wanted += wanted;
        let unwritten_max = UNWRITTEN_MAX.max(self.ahead.writing_took * FOLDING_TO_WRITING);
        if held == Held::Full || now - pages.since > unwritten_max {
            self.write_held().await?;
        }
        Ok(Step { events, more })
    }

    async fn read_page_ahead(&mut self) -> Result<LogPage, ProjectorError> {
        let (after, limit) = (self.position(), self.page_events_max);
        let page = match &self.together {
            Some(pages) => pages.read(after, limit, Duration::ZERO).await,
            None => {
                let store = Arc::clone(self.target.store());
                self.ahead.reading.read(&store, after, &Filter::default(), limit).await
            }
        };
        page.map_err(|source| ProjectorError::store(&self.grant.projection, source))
    }

    /// Folds what the target wants of a page, and says how much that was.
    async fn fold(&mut self, page: LogPage, to: Cursor) -> Result<(Held, usize), ProjectorError> {
        let mut events = page.events;
        self.keep_wanted(&mut events);
        let (wanted, span) = (events.len(), self.batch_span(&events, to));
        let target = foldable(&mut self.target, &self.grant)?;
        // After a panic, all that the target holds is forgotten.
        let folded = caught(&self.grant, target.fold(&self.grant, events, self.bytes_max));
        Ok((folded.instrument(span).await?, wanted))
    }

    async fn write_held(&mut self) -> Result<(), ProjectorError> {
        let Some(Pages { to, events, wanted, folding_took, .. }) = self.ahead.held else { return Ok(()) };
        let began = Instant::now();
        let written = match foldable(&mut self.target, &self.grant) {
            Ok(target) => caught(&self.grant, target.write(&self.grant, to)).await,
            Err(gone) => Err(gone),
        };
        self.ahead.gave_up |= written.is_err();
        written?;
        self.grant.cursor = Some(to);
        self.ahead.held = None;
        self.ahead.renewed = Instant::now();
        self.ahead.writing_took = began.elapsed();
        self.metrics.events.increment(wanted as u64);
        self.metrics.batch_events.record(events as f64);
        self.metrics.batch_seconds.record(folding_took + self.ahead.writing_took);
        Ok(())
    }
}

/// The target as one that can fold ahead. Where it no longer is, what it held is gone: the build goes back.
fn foldable<'t>(
    target: &'t mut Box<dyn Target>,
    grant: &Grant,
) -> Result<&'t mut dyn FoldAhead, ProjectorError> {
    target.ahead().ok_or_else(|| ProjectorError::Panicked(grant.projection.clone()))
}
