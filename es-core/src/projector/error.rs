//! [`ProjectorError`] and [`Stall`].

use crate::{
    BackendError, Checkpoint, CommitError, DecodeError, Generation, Halt, KeyError, LetterPlace, Position,
    ProjectionId, Recorded, StoreError, StreamId, Version,
};
use std::fmt;

/// Why a projector could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectorError {
    /// The store failed, or its log is not what it was.
    #[error("projection {projection} cannot go on")]
    Store {
        /// The projection.
        projection: ProjectionId,
        /// What failed.
        #[source]
        source: StoreError,
    },
    /// An event cannot be decoded. It is not skipped: teach the event type its name or shape, then start again.
    #[error("projection {projection} halts")]
    Undecodable {
        /// The projection.
        projection: ProjectionId,
        /// Which event, and why.
        #[source]
        source: Box<DecodeError>,
    },
    /// An event has no key.
    #[error(
        "projection {projection} halts at version {version} of stream `{stream}`, position {position}: no key can be made"
    )]
    NoKey {
        /// The projection.
        projection: ProjectionId,
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Its position.
        position: Position,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A view cannot be written or read as JSON. After a change of its type, raise the projection's version.
    #[error(
        "the view `{key}` of projection {projection} cannot be used: {reason} (after a change of its type, raise VERSION)"
    )]
    View {
        /// The projection.
        projection: ProjectionId,
        /// The view's key.
        key: String,
        /// The position of the event after which it cannot be, where one is to blame.
        position: Option<Position>,
        /// Why.
        reason: &'static str,
    },
    /// A reactor could not do what an event asks for.
    #[error("reactor {reactor} has failed at version {version} of stream `{stream}`, position {position}")]
    Reaction {
        /// The reactor.
        reactor: ProjectionId,
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Its position.
        position: Position,
        /// Whether trying again may help.
        transient: bool,
        /// Why.
        #[source]
        source: BackendError,
    },
    /// The database refuses what an event leads to, because of its values: a constraint, a type, a range.
    #[error(
        "projection {projection} fails at version {version} of stream `{stream}`, position {position}: the database refuses what it leads to"
    )]
    Refused {
        /// The projection.
        projection: ProjectionId,
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Its position.
        position: Position,
        /// How it said so, without the values.
        #[source]
        source: BackendError,
    },
    /// The projection's own code panicked at an event, or does not come back from it. A panic itself went to the
    /// process's panic hook.
    #[error(
        "projection {projection} fails at version {version} of stream `{stream}`, position {position}: its code {how}"
    )]
    OwnCode {
        /// The projection.
        projection: ProjectionId,
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Its position.
        position: Position,
        /// What it did.
        how: String,
    },
    /// The projection's own code panicked at nobody knows which event. The panic itself went to the process's panic hook.
    #[error("projection {0} halts: its code panicked, nothing of the batch was written")]
    Panicked(ProjectionId),
    /// Another owner took over.
    #[error(transparent)]
    Fenced(CommitError),
    /// It is being rebuilt elsewhere.
    #[error("projection {0} is being rebuilt by another process: wait for it, or for its lease to end")]
    Held(ProjectionId),
    /// A person has paused it.
    #[error("projection {0} is paused: resume it")]
    Paused(ProjectionId),
    /// It has no such dead letter.
    #[error("projection {projection} has no dead letter in {place}: list them to see which there are")]
    NoLetter {
        /// The projection.
        projection: ProjectionId,
        /// Where it should be.
        place: LetterPlace,
    },
    /// It has not reached a position in time.
    #[error("projection {projection} is at position {found}, {wanted} was wanted: it is behind by {}, {why}", wanted.value().saturating_sub(found.value()))]
    Behind {
        /// The projection.
        projection: ProjectionId,
        /// Where it is.
        found: Position,
        /// Where it should be.
        wanted: Position,
        /// What holds it back.
        why: Stall,
    },
    /// The application has no such projection.
    #[error("projection {name} v{version} is not declared: add it to the application")]
    NotDeclared {
        /// Its name.
        name: &'static str,
        /// Its version.
        version: u32,
    },
}

/// What holds a read model back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stall {
    /// Nothing: it is running, and has not got there yet.
    Running,
    /// Nobody runs it.
    Idle,
    /// A person has paused it.
    Paused,
    /// It stopped by itself.
    Halted(Halt),
}

impl Stall {
    pub(super) fn of(live: Option<&Generation>) -> Self {
        // What holds everything back is the shard that is furthest behind.
        let Some(live) = live else { return Self::Idle };
        match live.checkpoints.iter().min_by_key(|checkpoint| checkpoint.position()) {
            _ if live.paused => Self::Paused,
            Some(Checkpoint { halt: Some(halt), .. }) => Self::Halted(halt.clone()),
            Some(Checkpoint { owner: Some(_), .. }) => Self::Running,
            _ => Self::Idle,
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("and running: allow more time"),
            Self::Idle => f.write_str("and nobody runs it: start the application's background work"),
            Self::Paused => f.write_str("and paused: resume it"),
            Self::Halted(Halt { position, cause }) => {
                write!(f, "and halted at position {position}: {cause}")
            }
        }
    }
}

impl ProjectorError {
    /// An event that cannot be decoded.
    pub fn undecodable(projection: &ProjectionId, source: DecodeError) -> Self {
        Self::Undecodable { projection: projection.clone(), source: Box::new(source) }
    }

    /// An event that has no key.
    pub fn no_key<E>(projection: &ProjectionId, event: &Recorded<E>, source: KeyError) -> Self {
        Self::NoKey {
            projection: projection.clone(),
            stream: event.stream.clone(),
            version: event.version,
            position: event.position,
            source,
        }
    }

    /// An event that leads to what the database refuses.
    pub(super) fn refused<D>(projection: &ProjectionId, event: &Recorded<D>, source: BackendError) -> Self {
        Self::Refused {
            projection: projection.clone(),
            stream: event.stream.clone(),
            version: event.version,
            position: event.position,
            source,
        }
    }

    /// Code of the projection's own that failed, at this event where that is known.
    pub fn own_code<D>(projection: &ProjectionId, event: Option<&Recorded<D>>, how: String) -> Self {
        match event {
            Some(event) => Self::OwnCode {
                projection: projection.clone(),
                stream: event.stream.clone(),
                version: event.version,
                position: event.position,
                how,
            },
            None => Self::Panicked(projection.clone()),
        }
    }

    /// A store that failed.
    pub fn store(projection: &ProjectionId, source: StoreError) -> Self {
        Self::Store { projection: projection.clone(), source }
    }

    /// A batch that was not committed.
    pub fn commit(projection: &ProjectionId, error: CommitError) -> Self {
        match error {
            CommitError::Store(source) => Self::store(projection, source),
            fenced => Self::Fenced(fenced),
        }
    }

    /// Whether doing the same again may succeed without a person's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_transient(),
            Self::Fenced(_) => true,
            Self::Reaction { transient, .. } => *transient,
            _ => false,
        }
    }

    /// The position of the event that it could not get past, where one event is to blame.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::NoKey { position, .. }
            | Self::Refused { position, .. }
            | Self::OwnCode { position, .. }
            | Self::Reaction { position, .. } => Some(*position),
            Self::View { position, .. } => *position,
            Self::Undecodable { source, .. } => Some(source.position),
            Self::Store {
                source: StoreError::Gap { position, .. } | StoreError::HistoryDiverged { position, .. },
                ..
            } => Some(*position),
            _ => None,
        }
    }

    /// All causes in one line, the outermost first.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
