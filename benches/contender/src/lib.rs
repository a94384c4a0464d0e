//! What every contender does, and how it is driven and checked.
//!
//! A contender is a program: `fn main() { contender::main::<Mine>() }`. It is given one [`Job`] as its only argument, does
//! it, and prints one [`Outcome`], both as JSON. What is measured, counted and checked is the same for all, and is here.

mod account;
mod check;
mod job;
mod measure;
mod program;
mod tasks;
mod usage;

mod contender;

pub use account::{Balance, Balances, Entry, Kind, Movement, account_of, history, id_of};
pub use contender::{Contender, Seen, Unsupported, unsupported};
pub use job::{Job, Latency, Mode, Outcome, Place, Task};
pub use program::main;
