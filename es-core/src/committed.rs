//! [`Committed`] and [`Loaded`].

use crate::{Aggregate, Position, Recorded, Version};

/// An aggregate as it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct Loaded<A> {
    /// Its state.
    pub state: A,
    /// How many events the state is made of.
    pub version: Version,
    /// The position of the last of them.
    pub position: Position,
}

impl<A> std::fmt::Debug for Loaded<A> {
    /// Does not show the state: that is payload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded")
            .field("version", &self.version)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// What a command did.
pub struct Committed<A: Aggregate> {
    /// The state after the command.
    pub state: A,
    /// The version of the stream after the command.
    pub version: Version,
    /// A token for reading one's own write: a read model at this position has seen the command. Where nothing was
    /// appended it is the head of the store, which the state that was decided on cannot be ahead of.
    pub position: Position,
    /// What was recorded, in order.
    pub events: Vec<Recorded<A::Event>>,
    /// Whether the command had been carried out before: this is the answer of that time.
    pub repeated: bool,
}

impl<A: Aggregate> std::fmt::Debug for Committed<A> {
    /// Shows neither state nor events: those are payload.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committed")
            .field("version", &self.version)
            .field("position", &self.position)
            .field("events", &self.events.len())
            .field("repeated", &self.repeated)
            .finish_non_exhaustive()
    }
}
