//! [`Scan`]: reading the log from its start to where it ends now.

use crate::output::Console;
use crate::progress::Bar;
use crate::{Failure, FailureKind};
use es_core::{App, EventStore, Filter, Payload, Position, Progress, Recorded, Store};
use indicatif::MultiProgress;
use std::sync::Arc;
use std::time::Instant;

/// How many events are in memory at a time.
const PAGE_EVENTS: usize = 1_000;

/// One reading of the log, a page at a time, up to the head that it has at the beginning: it ends beside writers.
///
/// On a terminal a bar shows how far it is; otherwise a line does so every ten seconds, and a short reading says nothing.
pub(crate) struct Scan {
    store: Arc<dyn Store>,
    filter: Filter,
    after: Position,
    head: Position,
    has_more: bool,
    page_events: usize,
    began: Instant,
    bar: Bar,
    bars: Option<MultiProgress>,
}

impl Scan {
    pub(crate) async fn begin(
        app: &App,
        name: &str,
        filter: Filter,
        console: &mut Console<'_>,
    ) -> Result<Self, Failure> {
        let store = app.store().clone();
        let head = store.head().await?.map_or(Position::START, |head| head.position);
        let bars = console.has_bars().then(MultiProgress::new);
        let (bar, _) = Bar::begin(name.to_owned(), head, bars.as_ref());
        let (after, began) = (Position::START, Instant::now());
        Ok(Self { store, filter, after, head, has_more: true, page_events: PAGE_EVENTS, began, bar, bars })
    }

    /// Where the log ended when the reading began.
    pub(crate) fn head(&self) -> Position {
        self.head
    }

    /// Up to where it was read.
    pub(crate) fn position(&self) -> Position {
        self.after
    }

    /// Reads one event at a time from now on, to come as close as possible to one that cannot be read. False where
    /// that is so already.
    pub(crate) fn narrow(&mut self) -> bool {
        std::mem::replace(&mut self.page_events, 1) > 1
    }

    /// The next events that pass the filter, which may be none; nothing at the end.
    pub(crate) async fn next_page(
        &mut self,
        console: &mut Console<'_>,
    ) -> Result<Option<Vec<Recorded<Payload>>>, Failure> {
        if !self.has_more || self.after >= self.head {
            return Ok(None);
        }
        let page = self.store.read_all(self.after, &self.filter, self.page_events).await?;
        self.has_more = page.more;
        match page.cursor {
            Some(cursor) if cursor.position > self.after => self.after = cursor.position,
            Some(cursor) => {
                let (after, found) = (self.after, cursor.position);
                let message = format!("the store went on at position {found}, expected one behind {after}");
                return Err(Failure::new(FailureKind::Failed, message));
            }
            None => self.has_more = false,
        }
        let position = self.after.min(self.head);
        let elapsed = self.began.elapsed();
        let progress = Progress { position, head: self.head, events: position.value(), elapsed };
        self.bar.show(progress).into_iter().for_each(|line| console.note(line));
        let mut events = page.events;
        events.retain(|event| event.position <= self.head);
        Ok(Some(events))
    }

    /// Writes lines of data between two pictures of the bar.
    pub(crate) fn lines(&self, lines: &[String], console: &mut Console<'_>) -> Result<(), Failure> {
        let mut write = || {
            lines.iter().try_for_each(|line| console.line(line))?;
            console.flush()
        };
        match &self.bars {
            _ if lines.is_empty() => Ok(()),
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Scan {
    /// Takes the bar away, however the reading ended.
    fn drop(&mut self) {
        self.bar.clear();
    }
}
