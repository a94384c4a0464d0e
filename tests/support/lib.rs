//! What test targets share: databases of their own, a network that fails, and saying aloud what was not tested.

pub mod database;
pub mod proxy;

mod shout;

pub use database::Database;
pub use proxy::Proxy;
pub use shout::shout;
