//! [`Snapshot`].

use crate::{EventId, Payload, StreamId, Version};

/// A saved state of one aggregate: a shortcut that is believed only where it can be checked.
///
/// It carries the id of the event it was folded up to. One whose event is not in the stream at that version, of
/// another schema version, or whose state cannot be read, is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream.
    pub stream: StreamId,
    /// The version of the stream that the state was folded up to.
    pub version: Version,
    /// The event at that version.
    pub event_id: EventId,
    /// The aggregate's own [`SNAPSHOT_VERSION`](crate::Aggregate::SNAPSHOT_VERSION) when it was saved.
    pub schema_version: u32,
    /// The state and its CRC-32, as one JSON document.
    pub state: Payload,
}
