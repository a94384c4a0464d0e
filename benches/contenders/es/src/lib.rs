//! This framework: the account as its user would write it, and what both stores are asked to do.

mod account;
mod on;

pub use account::{Account, AccountEvent, Balances};
pub use on::{Es, Writer};
