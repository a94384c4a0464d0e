//! Event sourcing and CQRS for Rust: aggregates, repositories, projections, and the traits a store implements.

// The derives name this crate by its own name, also inside it.
extern crate self as es_core;

// Pure: no store, no runtime.
mod aggregate;
mod clock;
mod command_id;
mod draft;
mod event;
mod event_id;
mod event_names;
mod expected;
mod filter;
mod id;
mod json;
mod key;
mod limits;
mod metadata;
mod name;
mod payload;
mod position;
mod recorded;
mod stream_id;
mod trace_parent;
mod version;

// What a store takes and gives.
mod append;
mod error;
mod page;
mod snapshot;
mod store;

// What an application uses.
mod app;
mod committed;
mod continuity;
mod projection;
mod projector;
mod reactor;
mod read_ahead;
mod repository;
mod retry;
mod snapshots;
mod subscription;

pub mod metrics;
pub mod testing;

pub use aggregate::{Aggregate, Apply, Handle};
pub use app::{AnyAggregate, App, Moment, Shown};
pub use append::{Append, Appended};
pub use clock::{Clock, IdSource, SystemClock, UuidV7};
pub use command_id::CommandId;
pub use committed::{Committed, Loaded};
pub use draft::Draft;
pub use error::{AppendError, BackendError, Conflict, DecodeError, EncodeError, ExecuteError, StoreError};
pub use es_derive::{Aggregate, Event};
pub use event::{DecodeProblem, EncodeProblem, Event, EventType};
pub use event_id::EventId;
pub use event_names::EventNames;
pub use expected::Expected;
pub use filter::Filter;
pub use id::Id;
pub use key::{Key, KeyError};
pub use limits::{LimitError, Limits};
pub use metadata::Metadata;
pub use name::{InvalidName, NAME_BYTES_MAX, NameKind, NameProblem};
pub use page::{Cursor, Direction, LogPage, PAGE_BYTES_MAX, PAGE_EVENTS_MAX, StreamPage, StreamRange};
pub use payload::Payload;
pub use position::Position;
pub use projection::{Fate, Projection};
pub use projector::{
    AnyProjector, BatchTarget, Comparison, Difference, FoldAhead, Held, NotApplied, OwnCode, Parking,
    Progress, Projector, ProjectorError, Retried, Stall, Target,
};
pub use reactor::{ReactError, Reactor, StartFrom};
pub use recorded::{NewEvent, Recorded};
pub use repository::Repository;
pub use retry::Retry;
pub use snapshot::Snapshot;
pub use snapshots::Snapshots;
pub use store::{
    Checkpoint, CheckpointStore, Claim, Commit, CommitError, DeadLetter, DeadLetterStore, Discarded,
    EventStore, Failure, Generation, GenerationId, GenerationState, Grant, Halt, InvalidQueue, KeptSnapshot,
    Lease, LetterChange, LetterPlace, LetterQueue, OnFailure, Parked, ProjectionId, Shard, Slices,
    SnapshotPlace, SnapshotStore, SnapshotsOf, Store, ViewStore, ViewWrite, WakeUpSender, WakeUps,
};
pub use stream_id::StreamId;
pub use subscription::Subscription;
pub use trace_parent::{InvalidTraceParent, TraceParent};
pub use version::Version;

#[doc(hidden)]
pub use event::derive as __derive;
