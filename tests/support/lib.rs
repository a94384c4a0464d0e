//! What test targets share: databases of their own, a network that fails, a gate that stops an append, waiting, the
//! smallest events, what the files of `ops/` ask, and saying aloud what was not tested.

pub mod database;
pub mod ops;
pub mod proxy;
pub mod tally;
pub mod wait;

mod gate;
mod shout;

pub use database::Database;
pub use gate::Gate;
pub use shout::shout;
