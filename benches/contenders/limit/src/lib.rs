//! What the drivers alone reach, under the constraints of an event store.

mod event;

pub use event::{decode, encode, name_of, state_of};
