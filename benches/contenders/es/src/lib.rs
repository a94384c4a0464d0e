//! This framework: the account as its user would write it, and what both stores are asked to do.

mod account;
mod on;
mod postgres;
mod sqlite;

pub use account::{Account, AccountEvent, Balances};
pub use on::{Es, Kept, Writer};
