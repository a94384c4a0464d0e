//! Programs to learn from, smallest first: `bank` is one file, `loans` runs a real business log. What follows are the
//! programs of the README and `bank` itself, run as doc tests.
//!
#![doc = include_str!("../../README.md")]
//!
//! # The bank
//!
//! ```no_run
#![doc = include_str!("../bank.rs")]
//! ```
