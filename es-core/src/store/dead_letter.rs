//! [`DeadLetter`]: an event that a projection could not take, kept for a person.

use crate::{GenerationId, Position, ProjectionId, StoreError, StreamId, Version};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::fmt;
use std::str::FromStr;

/// Where dead letters are kept: written by [`CheckpointStore::commit`](crate::CheckpointStore::commit), together with the checkpoint that passes them.
#[async_trait]
pub trait DeadLetterStore: Send + Sync + 'static {
    /// At most `limit` dead letters of a generation behind the place `after`, by queue and position.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError>;

    /// The queues of a generation that have letters, in their order.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError>;

    /// What a person has discarded of a projection, also in generations that are gone: a rebuild leaves it out too.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError>;
}

/// What becomes of an event that a projection or a reactor cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The projector halts in front of it, until a person resumes it.
    Halt,
    /// It becomes a dead letter, and later events of its key wait in line behind it. The others go on. Where the key cannot
    /// be told, and of projections in SQL, its stream waits instead of a key; events of other streams for the same view do
    /// not, and where their order matters the view is right again after a rebuild.
    ParkKey,
    /// It becomes a dead letter, and everything else goes on, also its key: a retry takes it behind them.
    Skip,
}

/// What stands in line behind a dead letter. As text: `key:…` or `stream:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LetterQueue {
    /// The events of one view, by its key.
    Key(String),
    /// The events of one stream: of a reactor, of a projection in SQL, or where the key of an event cannot be told.
    Stream(StreamId),
}

impl fmt::Display for LetterQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Stream(stream) => write!(f, "stream:{stream}"),
        }
    }
}

impl FromStr for LetterQueue {
    type Err = InvalidQueue;

    fn from_str(text: &str) -> Result<Self, InvalidQueue> {
        match text.split_once(':') {
            Some(("key", key)) => Ok(Self::Key(key.to_owned())),
            Some(("stream", stream)) => stream.parse().map(Self::Stream).map_err(|_| InvalidQueue),
            _ => Err(InvalidQueue),
        }
    }
}

/// A text that names no queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `key:` and the key of a view, or `stream:` and a stream")]
pub struct InvalidQueue;

/// Which dead letter: one event may be one in several queues.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterPlace {
    /// The queue it stands in.
    pub queue: LetterQueue,
    /// The position of its event.
    pub position: Position,
}

impl fmt::Display for LetterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.queue, self.position)
    }
}

/// An event that was passed over, with why; or one that waits behind such an event. The event itself stays in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place.
    pub place: LetterPlace,
    /// The stream of the event.
    pub stream: StreamId,
    /// Its version.
    pub version: Version,
    /// Its stored name.
    pub name: String,
    /// Why it could not be taken, as a chain of errors without payloads; nothing where it only waits.
    pub cause: Option<String>,
    /// How often it was tried; never, where it only waits. One whose turn has come, and that was not tried yet because a
    /// retry was cut off, counts one.
    pub attempts: u32,
    /// When it was first passed over, by the store's clock.
    pub first_at: DateTime<Utc>,
    /// When it was last tried, by the store's clock.
    pub last_at: DateTime<Utc>,
}

/// What a batch does to dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterChange {
    /// A letter begins to stand where it is, or has been tried once more.
    Park(Parked),
    /// Its event has been taken at last.
    Settle(LetterPlace),
    /// A person has decided to do without it.
    Discard {
        /// Which one.
        place: LetterPlace,
        /// Why.
        reason: String,
    },
}

/// A dead letter before the store stamped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Its place.
    pub place: LetterPlace,
    /// The stream of the event.
    pub stream: StreamId,
    /// Its version.
    pub version: Version,
    /// Its stored name.
    pub name: String,
    /// Why it could not be taken; nothing where it only waits. One with a cause counts as an attempt; one without changes
    /// nothing of a letter that is there.
    pub cause: Option<String>,
}

/// A dead letter that was discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discarded {
    /// Where it stood.
    pub place: LetterPlace,
    /// Why.
    pub reason: String,
    /// When, by the store's clock.
    pub at: DateTime<Utc>,
}
