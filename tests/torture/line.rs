//! [`Line`]: what a process writes into its journal.

use super::event;
use es_core::{Append, Appended, CommandId, EventId, Expected, Position, StreamId, Version};
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// A process has begun to write this journal, or goes on with it.
    Began { incarnation: u64, at: u64 },
    /// It has opened the store.
    Opened,
    /// These events are about to be sent in one call.
    Intent { op: u64, at: u64, parts: Vec<Part> },
    /// What came of the call.
    Outcome { op: u64, at: u64, outcome: Outcome },
    /// A command is about to be carried out.
    Command { command: CommandId, counter: String, amount: u64 },
    /// The command will not be sent again.
    Answered { command: CommandId, outcome: Verdict },
    /// A reader was given these rows of the log.
    Given(Given),
    /// A stream was read from behind a version to its end.
    Read(StreamRead),
    /// A projector got the lease.
    Granted(Granted),
    /// A projector tried to commit a batch.
    Committed(Batch),
    /// A read model was looked at between two looks at its checkpoint.
    Watched(Watched),
    /// A task ended with what should never come.
    Failed { task: String, error: String },
}

/// The events for one stream of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The stream.
    pub stream: StreamId,
    /// What was expected of it.
    pub expected: Expect,
    /// The events.
    pub ids: Vec<EventId>,
    /// The command that decided them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub command: Option<CommandId>,
}

/// [`Expected`], as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Whatever there is.
    Any,
    /// No events.
    Empty,
    /// Some events.
    Exists,
    /// So many events.
    Exactly(u64),
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was stored, and this is the answer for each part.
    Ok(Vec<Answer>),
    /// Nothing was stored.
    Refused(String),
    /// It may have been stored.
    Unknown(String),
    /// No fault explains this error.
    Unexpected(String),
}

/// The answer for one part of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The version of the stream after it.
    pub version: u64,
    /// Where its events are.
    pub positions: Vec<u64>,
    /// Whether it had been stored before.
    pub repeated: bool,
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was carried out, and the counter had this total and this version after it.
    Done { total: u64, version: u64 },
    /// It had no effect.
    Refused,
}

/// A page that a reader was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Who read.
    pub reader: String,
    /// When it had the page.
    pub at: u64,
    /// The one category it wanted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub category: Option<String>,
    /// Behind which position it read.
    pub after: u64,
    /// Where it goes on.
    pub cursor: u64,
    /// Whether there was more.
    pub more: bool,
    /// The rows.
    pub rows: Vec<(u64, EventId)>,
}

/// What was found at the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRead {
    /// The stream.
    pub stream: StreamId,
    /// When the read began.
    pub began: u64,
    /// The version before the first event.
    pub after: u64,
    /// The events.
    pub ids: Vec<EventId>,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// The projection.
    pub projection: String,
    /// The build of its read model.
    pub generation: i64,
    /// The slices that the checkpoint is of.
    pub slices: (u16, u16),
    /// The number of the owner.
    pub epoch: i64,
    /// Where the checkpoint was.
    pub from: u64,
}

/// A batch, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The projection.
    pub projection: String,
    /// The build of its read model.
    pub generation: i64,
    /// The slices that the checkpoint is of.
    pub slices: (u16, u16),
    /// The number of the owner.
    pub epoch: i64,
    /// Where the owner believed the checkpoint to be.
    pub from: u64,
    /// Where it moved it.
    pub to: u64,
    /// What the store said.
    pub fate: BatchFate,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchFate {
    /// It was committed.
    Done,
    /// It was refused, because another owner has taken over.
    Fenced,
    /// The store failed: it may have been committed.
    Unknown,
}

/// A checkpoint, a view, and the checkpoint again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The projection.
    pub projection: String,
    /// The build of its read model.
    pub generation: i64,
    /// The checkpoint before.
    pub before: u64,
    /// The last event that the view holds.
    pub view: u64,
    /// The checkpoint after.
    pub after: u64,
    /// The epoch before and after.
    pub epochs: (i64, i64),
}

impl Part {
    /// What is written down of an append.
    pub fn of(append: &Append) -> Self {
        Self {
            stream: append.stream.clone(),
            expected: append.expected.into(),
            ids: append.events.iter().map(|event| event.event_id).collect(),
            command: append.command_id.clone(),
        }
    }

    /// The append that was written down: what its events say follows from their ids.
    ///
    /// # Errors
    /// When an event cannot be encoded.
    pub fn append(&self) -> anyhow::Result<Append> {
        let events = self.ids.iter().map(|id| event::wrote(*id, self.command.clone()));
        let events = events.collect::<Result<Vec<_>, _>>()?;
        let mut append = Append::new(self.stream.clone(), self.expected.into(), events);
        append.command_id = self.command.clone();
        Ok(append)
    }
}

impl Answer {
    /// What is written down of an answer.
    pub fn of(appended: &Appended) -> Self {
        Self {
            version: appended.version.value(),
            positions: appended.positions.iter().copied().map(Position::value).collect(),
            repeated: appended.repeated,
        }
    }
}

impl From<Expected> for Expect {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Any => Self::Any,
            Expected::Empty => Self::Empty,
            Expected::Exists => Self::Exists,
            Expected::Exactly(version) => Self::Exactly(version.value()),
        }
    }
}

impl From<Expect> for Expected {
    fn from(expect: Expect) -> Self {
        match expect {
            Expect::Any => Self::Any,
            Expect::Empty => Self::Empty,
            Expect::Exists => Self::Exists,
            Expect::Exactly(version) => Self::Exactly(Version::new(version)),
        }
    }
}
