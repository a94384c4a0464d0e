//! What several test programs need: databases of their own, faults, and saying aloud what was not tested.

pub mod database;
pub mod proxy;

mod shout;

pub use database::Database;
pub use shout::shout;
