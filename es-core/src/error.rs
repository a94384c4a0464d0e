//! The three kinds of failure that are never mixed: the domain said no, another writer was first, and the rest.

use crate::{
    CommandId, DecodeProblem, EncodeProblem, EventId, Expected, InvalidName, LimitError, Position, StreamId,
    Version,
};
use std::borrow::Cow;

/// What a store's driver said.
pub type BackendError = Box<dyn std::error::Error + Send + Sync>;

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E> {
    /// The domain said no.
    #[error("the command was rejected")]
    Rejected(#[source] E),
    /// Other writers were first, as often as the command was tried.
    #[error("the command lost the race to other writers")]
    Conflict(#[source] Conflict),
    /// The store failed; see [`StoreError::is_transient`].
    #[error("the command could not be carried out")]
    Store(#[source] StoreError),
}

/// Why an append had no effect.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another writer was first.
    #[error("the append was refused")]
    Conflict(#[from] Conflict),
    /// The rest.
    #[error("the append failed")]
    Store(#[from] StoreError),
}

/// Another writer was first: the stream is not where the writer believed it to be. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream `{stream}` is at version {found}, expected {expected}: load it and decide again")]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// What the writer believed.
    pub expected: Expected,
    /// Where the stream is.
    pub found: Version,
}

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A name leaves its alphabet or is too long. Nothing was written.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// An append is too large. Nothing was written.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// An event cannot be written so that it can be read again. Nothing was written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A stored event cannot be read.
    #[error(transparent)]
    Decode(#[from] Box<DecodeError>),
    /// One call appends to a stream twice; put its events into one append.
    #[error("the call appends to stream `{stream}` twice: put the events into one append")]
    StreamTwice {
        /// The stream.
        stream: StreamId,
    },
    /// A retry must send the same events as the first try: of these some were recorded, and some were not.
    #[error(
        "{recorded} of the {sent} events for stream `{stream}` were recorded before, and not just these in this order: retry with the same events"
    )]
    PartlyRecorded {
        /// The stream.
        stream: StreamId,
        /// How many of the event ids are in the store.
        recorded: usize,
        /// How many were sent.
        sent: usize,
    },
    /// An event id names another event already.
    #[error("event id {event_id} is taken by an event of stream `{stream}`: ids must never be used twice")]
    EventIdTaken {
        /// The id.
        event_id: EventId,
        /// The stream that has an event with this id.
        stream: StreamId,
    },
    /// A command id names a command for another stream already.
    #[error(
        "command id `{command_id}` is taken by a command for stream `{stream}`: ids must never be used twice"
    )]
    CommandIdTaken {
        /// The id.
        command_id: CommandId,
        /// The stream that the command with this id was for.
        stream: StreamId,
    },
    /// The store cannot be reached or is busy. Nothing was stored; trying again may help.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// What was tried, and for how long.
        reason: Cow<'static, str>,
        /// What the driver said.
        #[source]
        source: Option<BackendError>,
    },
    /// The connection was lost while an append was under way: it may have been stored. Retry with the same event ids.
    #[error("the outcome of the append is unknown: retry it with the same event ids")]
    OutcomeUnknown {
        /// What the driver said.
        #[source]
        source: BackendError,
    },
    /// An event of a stream is missing: the log was changed by hand or is damaged.
    #[error(
        "stream `{stream}` has version {found} at position {position}, expected version {expected} first: run verify"
    )]
    Gap {
        /// The stream.
        stream: StreamId,
        /// The version that should have come.
        expected: Version,
        /// The version that came.
        found: Version,
        /// Where it came.
        position: Position,
    },
    /// The log is not the one that this reader has read: a backup was restored, or a failover lost the end.
    #[error("the log has {} at position {position}, expected event {expected}: rebuild what was read from it", found.map_or("no event".into(), |found| format!("event {found}")))]
    HistoryDiverged {
        /// The last position that was read.
        position: Position,
        /// The event that was read there.
        expected: EventId,
        /// The event that is there now.
        found: Option<EventId>,
    },
    /// A projection that is kept inside of appends could not take an event. Nothing was stored.
    #[error(
        "the projection {projection}, kept inside of appends, refused version {version} of stream `{stream}`"
    )]
    Inline {
        /// The projection with its version, as it is shown.
        projection: String,
        /// The stream of the event.
        stream: StreamId,
        /// The event's version; it may be an older one that had not been folded before.
        version: Version,
        /// Why.
        #[source]
        source: BackendError,
    },
    /// What is stored cannot be what was stored.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The store cannot be used by this program: a wrong version, a missing file, a refused setting.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
    /// Anything else that the driver said.
    #[error("the store failed")]
    Backend(#[source] BackendError),
}

impl StoreError {
    /// Whether the same call may succeed later; an append then needs the same event ids.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::OutcomeUnknown { .. })
    }
}

impl From<DecodeError> for StoreError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(Box::new(error))
    }
}

impl<E> From<AppendError> for ExecuteError<E> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict(conflict) => Self::Conflict(conflict),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl<E> From<StoreError> for ExecuteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// An event that cannot be written so that it can be read again.
#[derive(Debug, thiserror::Error)]
#[error("event `{name}` cannot be recorded")]
pub struct EncodeError {
    /// The name it would be stored under.
    pub name: &'static str,
    /// Why not.
    #[source]
    pub problem: EncodeProblem,
}

/// A stored event that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "event `{name}` (schema version {schema_version}) at version {version} of stream `{stream}`, position {position}, cannot be decoded"
)]
pub struct DecodeError {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in the stream.
    pub version: Version,
    /// Its place in the log.
    pub position: Position,
    /// The name it is stored under.
    pub name: Cow<'static, str>,
    /// The version of the shape it is stored in.
    pub schema_version: u32,
    /// Why not.
    #[source]
    pub problem: DecodeProblem,
}
