//! [`Log`]: the events, and how they are read.

use crate::append::Transaction;
use es_core::{
    Appended, CommandId, Cursor, Direction, EventId, Filter, LogPage, PAGE_BYTES_MAX, PAGE_EVENTS_MAX,
    Payload, Position, Recorded, Snapshot, StreamId, StreamPage, StreamRange, Version,
};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// How many rows a reader looks at in one call, however few of them pass its filter.
const SCAN_ROWS_MAX: usize = 10_000;

/// All events, with what is looked up about them.
///
/// Rows are committed. What has its positions but is not committed yet waits in `open`, where nobody reads it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) rows: BTreeMap<Position, Recorded<Payload>>,
    /// The position of version n of a stream stands at n - 1.
    pub(crate) streams: HashMap<StreamId, Vec<Position>>,
    pub(crate) event_ids: HashMap<EventId, Position>,
    pub(crate) commands: HashMap<CommandId, (StreamId, Appended)>,
    /// By their first position.
    pub(crate) open: BTreeMap<Position, Transaction>,
    /// The last position that was ever drawn, used or not.
    pub(crate) drawn: Position,
}

/// Which committed rows a reader of the whole log is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visible {
    /// Those before the first position that is not committed yet: nothing can appear among them later.
    SettledPrefix,
    /// All of them, and so a reader that moves on from the last one skips what commits late.
    EveryCommit,
}

impl Log {
    pub(crate) fn version(&self, stream: &StreamId) -> Version {
        Version::new(self.streams.get(stream).map_or(0, Vec::len) as u64)
    }

    /// Whether the event that a snapshot was folded up to is in its stream.
    pub(crate) fn has(&self, snapshot: &Snapshot) -> bool {
        let page = self.read(&snapshot.stream, StreamRange::at(snapshot.version));
        page.events.first().is_some_and(|event| event.event_id == snapshot.event_id)
    }

    pub(crate) fn read(&self, stream: &StreamId, range: StreamRange) -> StreamPage {
        let positions = self.streams.get(stream).map_or(&[][..], Vec::as_slice);
        let up_to = count(range.up_to).min(positions.len());
        let wanted = &positions[count(range.after).min(up_to)..up_to];
        match range.direction {
            Direction::Forwards => self.stream_page(wanted.iter(), range.limit),
            Direction::Backwards => self.stream_page(wanted.iter().rev(), range.limit),
        }
    }

    fn stream_page<'a>(
        &self,
        positions: impl ExactSizeIterator<Item = &'a Position>,
        events_max: usize,
    ) -> StreamPage {
        let wanted = positions.len();
        let mut room = Room::for_events(events_max);
        let rows = positions.map(|position| &self.rows[position]);
        let events: Vec<_> = rows.take_while(|row| room.takes(row)).cloned().collect();
        StreamPage { more: events.len() < wanted, events }
    }

    pub(crate) fn read_all(
        &self,
        after: Position,
        filter: &Filter,
        events_max: usize,
        visible: Visible,
    ) -> LogPage {
        let mut page = LogPage { events: Vec::new(), cursor: None, more: false };
        let mut room = Room::for_events(events_max);
        for (looked_at, row) in self.visible_rows(after, visible).enumerate() {
            let wanted = filter.wants(&row.stream, &row.name);
            if looked_at == SCAN_ROWS_MAX || (wanted && !room.takes(row)) {
                page.more = true;
                break;
            }
            if wanted {
                page.events.push(row.clone());
            }
            page.cursor = Some(cursor(row));
        }
        page
    }

    /// The last row that a reader is given now.
    pub(crate) fn head(&self, visible: Visible) -> Option<Cursor> {
        let (_, row) = self.rows.range(..self.horizon(visible)).next_back()?;
        Some(cursor(row))
    }

    /// The id of the event at a position that a reader has been given.
    pub(crate) fn event_id_at(&self, position: Position) -> Option<EventId> {
        self.rows.get(&position).map(|row| row.event_id)
    }

    fn visible_rows(&self, after: Position, visible: Visible) -> impl Iterator<Item = &Recorded<Payload>> {
        let horizon = self.horizon(visible);
        let behind = self.rows.range((Bound::Excluded(after), Bound::Unbounded));
        behind.take_while(move |(position, _)| **position < horizon).map(|(_, row)| row)
    }

    /// Readers are given the rows before this position.
    fn horizon(&self, visible: Visible) -> Position {
        let first_open = self.open.keys().next().filter(|_| visible == Visible::SettledPrefix);
        first_open.copied().unwrap_or(Position::new(self.drawn.value() + 1))
    }
}

fn cursor(row: &Recorded<Payload>) -> Cursor {
    Cursor { position: row.position, event_id: row.event_id }
}

fn count(version: Version) -> usize {
    usize::try_from(version.value()).unwrap_or(usize::MAX)
}

/// What a page still takes. The first event always fits, so that every page leads on.
struct Room {
    events: usize,
    bytes: usize,
    empty: bool,
}

impl Room {
    fn for_events(events_max: usize) -> Self {
        Self { events: events_max.clamp(1, PAGE_EVENTS_MAX), bytes: PAGE_BYTES_MAX, empty: true }
    }

    fn takes(&mut self, row: &Recorded<Payload>) -> bool {
        let bytes = row.data.as_bytes().len();
        if self.events == 0 || (bytes > self.bytes && !self.empty) {
            return false;
        }
        *self = Self { events: self.events - 1, bytes: self.bytes.saturating_sub(bytes), empty: false };
        true
    }
}
