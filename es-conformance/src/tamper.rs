//! [`Tamper`].

use es_core::{EventId, Position, StreamId, Version};

/// A change behind the store's back: what a person with a database shell, a damaged disk or a restored backup does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tamper {
    /// One event is gone.
    DeleteEvent {
        /// Its stream.
        stream: StreamId,
        /// Its version.
        version: Version,
    },
    /// Another event stands at a position.
    ChangeEventId {
        /// The position.
        position: Position,
        /// The id of the event that stands there now.
        event_id: EventId,
    },
    /// An event has other bytes.
    OverwritePayload {
        /// Its stream.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Its bytes now.
        payload: Vec<u8>,
    },
}
