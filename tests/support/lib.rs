//! What several test programs need: databases of their own, faults, and saying aloud what was not tested.

pub mod database;
pub mod proxy;
pub mod tally;

mod shout;

pub use database::Database;
pub use shout::shout;
