//! Event sourcing and CQRS for Rust: aggregates, repositories, projections, and the traits a store implements.

// The derives name this crate by its own name, also inside it.
extern crate self as es_core;

mod aggregate;
mod draft;
mod event;
mod expected;
mod id;
mod key;
mod name;
mod position;
mod stream_id;
mod version;

pub use aggregate::{Aggregate, Apply, Handle};
pub use draft::Draft;
pub use es_derive::{Aggregate, Event};
pub use event::{DecodeProblem, EncodeProblem, Event, EventType};
pub use expected::Expected;
pub use id::Id;
pub use key::{Key, KeyError};
pub use name::{InvalidName, NAME_BYTES_MAX, NameKind, NameProblem};
pub use position::Position;
pub use stream_id::StreamId;
pub use version::Version;

#[doc(hidden)]
pub use event::derive as __derive;
