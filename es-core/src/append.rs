//! [`Append`] and [`Appended`]: what goes into a stream, and what the store answers.

use crate::{CommandId, Expected, NewEvent, Position, StreamId, Version};
use chrono::{DateTime, Utc};

/// Events for one stream, all or none of which are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// What the writer believes of it.
    pub expected: Expected,
    /// The events, in order.
    pub events: Vec<NewEvent>,
    /// The command that decided them; its id is recorded in the same transaction, even when there are no events. It is
    /// for this stream alone: a call over several streams is recognised by its event ids. Stores go by this field; the
    /// command id in the metadata of events is for their readers.
    pub command_id: Option<CommandId>,
}

impl Append {
    /// An append that belongs to no command.
    pub fn new(stream: StreamId, expected: Expected, events: Vec<NewEvent>) -> Self {
        Self { stream, expected, events, command_id: None }
    }
}

/// What the store answers to one [`Append`] once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The version of the stream after the append.
    pub version: Version,
    /// The positions of the events, in order.
    pub positions: Vec<Position>,
    /// The position of the last event. Where there is none, the store's head or the stream's last event, whichever is
    /// later: a reader there has seen everything that was decided on.
    pub position: Position,
    /// When the events were recorded, by the store's clock.
    pub recorded_at: DateTime<Utc>,
    /// Whether the same events or the same command had been stored before: this is the answer of that time, and
    /// nothing was stored now.
    pub repeated: bool,
}
