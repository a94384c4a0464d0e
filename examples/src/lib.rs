//! Programs to learn from, smallest first: `bank` is one file, `http` puts accounts behind HTTP, `rebuild` builds a second
//! version of a read model under load, `loans` runs a real business log. What follows are the programs of the README and
//! `bank` itself, run as doc tests.
//!
#![doc = include_str!("../../README.md")]
//!
//! # The bank
//!
//! ```no_run
#![doc = include_str!("../bank.rs")]
//! ```
