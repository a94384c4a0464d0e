//! What test targets share: databases of their own, a network that fails, the smallest events, and saying aloud what was
//! not tested.

pub mod database;
pub mod proxy;
pub mod tally;

mod shout;

pub use database::Database;
pub use shout::shout;
