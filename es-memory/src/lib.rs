//! The in-memory event store: what every other store must do, in the fewest lines; for tests and for reading.
//!
//! Start with `log.rs`, which holds the events and how they are read, and `append.rs`, which decides what an append
//! comes to. [`MemoryStore`] puts a lock around them. [`HeldAppend`] and [`MemoryStore::with_late_commits`] let
//! appends commit in another order than their positions, as they do in a database with many writers, so that your
//! tests can find readers that skip events.

mod log;

mod append;

mod store;

mod event_store;
mod snapshots;

mod build;
mod checkpoints;
mod letters;
mod views;

mod late_commits;

#[cfg(test)]
mod fixtures;

pub use late_commits::HeldAppend;
pub use store::MemoryStore;
