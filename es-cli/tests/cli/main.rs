//! The commands, carried out for a small bank on a store in memory.

#![allow(clippy::unwrap_used, reason = "what unwraps in a test is the promise")]

mod bank;
mod program;

mod arguments;
mod check;
mod closed_pipe;
mod completions;
mod dead_letters;
mod dot_env;
mod events;
mod migrate;
mod postgres;
mod projections;
mod replay;
mod shards;
mod snapshots;
mod state;
mod streams;
mod trace;
mod verify;
