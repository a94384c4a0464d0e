//! The embedded, durable event store: one SQLite file, one process or several on one host, no server.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use es_core::{Append, EventStore, Expected, StreamId};
//! use es_sqlite::SqliteStore;
//!
//! let store = SqliteStore::in_memory().await?;
//! let stream = StreamId::new("account", "173688")?;
//! let appended = store.append(Append::new(stream, Expected::Empty, vec![])).await?;
//! assert!(appended.positions.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// What a user sees.
mod options;
mod sql_projection;
mod sql_projector;
mod store;

// How the log is written: one task owns the one connection that writes.
mod append;
mod append_batch;
mod writer;

// How it is read.
mod filter;
mod readers;
mod reads;

// Read models and snapshots.
mod checkpoints;
mod generations;
mod letters;
mod snapshots;
mod tables;
mod views;

// What all of it stands on.
mod errors;
mod hop;
mod open;
mod rows;
mod sql;

pub use options::{Durability, SqliteOptions};
pub use sql_projection::{SqlValue, SqliteProjection, Statement, Statements, Tables};
pub use sql_projector::projector;
pub use store::SqliteStore;
