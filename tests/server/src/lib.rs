//! A private PostgreSQL server for tests: found or installed, started, and gone afterwards.
//!
//! [`Server::start`] does it all, also where nobody has set up PostgreSQL and where the tests run as root.

mod account;
mod binaries;
mod install;
mod keeper;
mod process;
mod server;
mod settings;

pub use binaries::Binaries;
pub use install::install_package;
pub use server::Server;
pub use settings::Settings;
