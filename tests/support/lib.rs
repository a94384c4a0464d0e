//! What test targets share: databases of their own, and saying aloud what was not tested.

pub mod database;

mod shout;

pub use database::Database;
pub use shout::shout;
