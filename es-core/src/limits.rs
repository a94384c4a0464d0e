//! [`Limits`]: what a store refuses before anything is written.

use crate::name::{self, NameKind};
use crate::{Append, NewEvent, StoreError, json};
use std::collections::HashSet;

/// How much one append may hold. Names have limits of their own: see [`InvalidName`](crate::InvalidName).
///
/// ```
/// # use es_core::Limits;
/// let limits = Limits::default().with_event_bytes_max(64 * 1024);
/// assert_eq!(limits.append_bytes_max(), 8 * 1024 * 1024);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Limits {
    event_bytes_max: usize,
    append_bytes_max: usize,
    append_events_max: usize,
    json_depth_max: usize,
}

/// The most events that stores are made for to take at once.
const APPEND_EVENTS_MAX: usize = 10_000;

/// The deepest JSON that can be read again.
const JSON_DEPTH_MAX: usize = 127;

/// An append that is larger than a store takes. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// One event, its payload and its metadata together, has too many bytes.
    #[error("event `{name}` has {found} bytes, the limit is {max}")]
    EventBytes {
        /// The stored name of the event.
        name: String,
        /// How many it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// All events of an append together have too many bytes.
    #[error("the append has {found} bytes, the limit is {max}: split it")]
    AppendBytes {
        /// How many it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// An append has too many events.
    #[error("the append has {found} events, the limit is {max}: split it")]
    AppendEvents {
        /// How many it has.
        found: usize,
        /// How many it may have.
        max: usize,
    },
    /// A payload is nested too deeply to be read again.
    #[error("the payload of event `{name}` is nested {found} deep, the limit is {max}")]
    JsonDepth {
        /// The stored name of the event.
        name: String,
        /// How deep it is.
        found: usize,
        /// How deep it may be.
        max: usize,
    },
    /// A payload is not a JSON document that every reader can read.
    #[error("the payload of event `{name}` is no JSON document (line {line}, column {column})")]
    NotJson {
        /// The stored name of the event.
        name: String,
        /// Where it ceases to be one.
        line: usize,
        /// Where in the line.
        column: usize,
    },
}

impl Default for Limits {
    /// One event 1 MiB, one append 8 MiB and 10,000 events, JSON 127 deep.
    fn default() -> Self {
        Self {
            event_bytes_max: 1024 * 1024,
            append_bytes_max: 8 * 1024 * 1024,
            append_events_max: APPEND_EVENTS_MAX,
            json_depth_max: JSON_DEPTH_MAX,
        }
    }
}

impl Limits {
    /// Sets how many bytes one event may have, payload and metadata together.
    pub fn with_event_bytes_max(self, event_bytes_max: usize) -> Self {
        Self { event_bytes_max, ..self }
    }

    /// Sets how many bytes all events of one append may have.
    pub fn with_append_bytes_max(self, append_bytes_max: usize) -> Self {
        Self { append_bytes_max, ..self }
    }

    /// Sets how many events one append may have: 10,000 at most.
    pub fn with_append_events_max(self, append_events_max: usize) -> Self {
        Self { append_events_max: append_events_max.min(APPEND_EVENTS_MAX), ..self }
    }

    /// Sets how deep a payload may be nested: 127 at most, since nothing deeper can be read again.
    pub fn with_json_depth_max(self, json_depth_max: usize) -> Self {
        Self { json_depth_max: json_depth_max.min(JSON_DEPTH_MAX), ..self }
    }

    /// How many bytes one event may have.
    pub fn event_bytes_max(&self) -> usize {
        self.event_bytes_max
    }

    /// How many bytes one append may have.
    pub fn append_bytes_max(&self) -> usize {
        self.append_bytes_max
    }

    /// How many events one append may have.
    pub fn append_events_max(&self) -> usize {
        self.append_events_max
    }

    /// Checks everything that one call wants to append; a store calls it first.
    ///
    /// # Errors
    /// [`StoreError::Limit`], [`StoreError::InvalidName`], or [`StoreError::StreamTwice`].
    pub fn check(&self, appends: &[Append]) -> Result<(), StoreError> {
        // An append without events counts as one: it takes its place in the statement too.
        let found = appends.iter().map(|append| append.events.len().max(1)).sum();
        if found > self.append_events_max {
            return Err(LimitError::AppendEvents { found, max: self.append_events_max }.into());
        }
        let mut append_bytes = 0;
        let mut streams = HashSet::with_capacity(appends.len());
        for append in appends {
            if !streams.insert(&append.stream) {
                return Err(StoreError::StreamTwice { stream: append.stream.clone() });
            }
            for event in &append.events {
                append_bytes += self.check_event(event)?;
            }
        }
        if append_bytes > self.append_bytes_max {
            return Err(LimitError::AppendBytes { found: append_bytes, max: self.append_bytes_max }.into());
        }
        Ok(())
    }

    /// Checks one event and gives its bytes.
    fn check_event(&self, event: &NewEvent) -> Result<usize, StoreError> {
        name::check_dotted(NameKind::EventName, &event.name)?;
        let metadata_bytes = event.metadata.to_json_without_ids().map_or(0, |json| json.len());
        let found = event.payload.as_bytes().len() + metadata_bytes;
        let name = || event.name.to_string();
        if found > self.event_bytes_max {
            return Err(LimitError::EventBytes { name: name(), found, max: self.event_bytes_max }.into());
        }
        let depth = json::depth(event.payload.as_bytes());
        if depth > self.json_depth_max {
            return Err(LimitError::JsonDepth { name: name(), found: depth, max: self.json_depth_max }.into());
        }
        if let Err(error) = json::check(event.payload.as_bytes()) {
            return Err(
                LimitError::NotJson { name: name(), line: error.line(), column: error.column() }.into()
            );
        }
        Ok(found)
    }
}
