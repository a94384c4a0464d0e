//! [`StreamRange`], [`StreamPage`], [`LogPage`] and [`Cursor`]: reading in pieces of bounded size.

use crate::{EventId, Payload, Position, Recorded, Version};
use serde::{Deserialize, Serialize};

/// The most events a page has, whatever was asked for.
pub const PAGE_EVENTS_MAX: usize = 10_000;

/// The payload bytes that a page never exceeds, unless by a single event, so that large events do not fill the memory.
pub const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Which events of a stream to read, and in which direction.
///
/// ```
/// # use es_core::{StreamRange, Version};
/// let third_to_fifth = StreamRange::after(Version::new(2)).up_to(Version::new(5));
/// let newest_first = StreamRange::default().backwards().limit(10);
/// # assert_ne!(third_to_fifth, newest_first);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct StreamRange {
    /// Events with this version and below are left out.
    pub after: Version,
    /// Events above this version are left out.
    pub up_to: Version,
    /// Which end the page starts from.
    pub direction: Direction,
    /// How many events a page has at most; 0 counts as 1.
    pub limit: usize,
}

/// Which end of a range a page starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forwards,
    /// Newest first.
    Backwards,
}

impl Default for StreamRange {
    /// The whole stream, oldest first.
    fn default() -> Self {
        Self {
            after: Version::ZERO,
            up_to: Version::new(i64::MAX as u64),
            direction: Direction::Forwards,
            limit: PAGE_EVENTS_MAX,
        }
    }
}

impl StreamRange {
    /// What comes after `version`.
    pub fn after(version: Version) -> Self {
        Self { after: version, ..Self::default() }
    }

    /// Just the event with this version.
    pub fn at(version: Version) -> Self {
        Self { after: version.previous().unwrap_or_default(), up_to: version, ..Self::default() }
    }

    /// Leaves out what comes after `version`.
    pub fn up_to(self, version: Version) -> Self {
        Self { up_to: version, ..self }
    }

    /// Newest first.
    pub fn backwards(self) -> Self {
        Self { direction: Direction::Backwards, ..self }
    }

    /// At most this many events, and never more than [`PAGE_EVENTS_MAX`]; 0 counts as 1.
    pub fn limit(self, events: usize) -> Self {
        Self { limit: events.min(PAGE_EVENTS_MAX), ..self }
    }
}

/// Some events of one stream, in the order asked for. It has at least one where there is one, and may have fewer than were
/// asked for: [`more`](Self::more) tells whether that was all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPage {
    /// The events.
    pub events: Vec<Recorded<Payload>>,
    /// Whether the range holds more behind the last of them.
    pub more: bool,
}

/// A row of the log that was read; where a reader goes on, and what proves that it is still the same log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The position of the row.
    pub position: Position,
    /// The event in it.
    pub event_id: EventId,
}

/// Some events of the log, in the order of their positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The events that passed the filter.
    pub events: Vec<Recorded<Payload>>,
    /// The last row that was looked at, whether it passed or not; none where there was no row.
    pub cursor: Option<Cursor>,
    /// Whether the store had more to look at when it was read.
    pub more: bool,
}
