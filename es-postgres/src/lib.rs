//! The event store for production: a schema of a PostgreSQL database, 15 or newer.
//!
//! ```no_run
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use es_core::{Append, EventStore, Expected, StreamId};
//! use es_postgres::PostgresStore;
//!
//! let store = PostgresStore::open("postgres://bank@localhost/bank").await?;
//! let stream = StreamId::new("account", "173688")?;
//! let appended = store.append(Append::new(stream, Expected::Empty, vec![])).await?;
//! assert!(appended.positions.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// What a user sees.
mod append_in;
mod blockers;
mod options;
mod statements;
mod store;

// How the log is written: what is queued goes out as one statement.
mod appender;
mod aside;
mod batch;
mod known;
mod lanes;
mod look_up;
mod waiting;

// How it is read: no further than what is settled.
mod bulk;
mod copied;
mod event_row;
mod horizon;
mod loads;
mod packed;
mod reads;
mod wake;

// Read models and snapshots.
mod checkpoints;
mod letters;
mod snapshots;
mod views;
mod views_copy;

// Read models in tables of their own.
mod generation_tables;
mod in_table;
mod pg_projection;
mod projector;
mod table_store;
mod tables;
mod view_fields;
mod view_rows;

// Read models that are written by the append itself.
mod inline;
mod inline_append;
mod inline_views;

// What all of it stands on.
mod connections;
mod errors;
mod migrations;
mod open;
mod rows;
mod schema;
mod session;
mod sql;

pub use blockers::Blocker;
pub use in_table::in_table;
pub use migrations::MigrationStatus;
pub use options::{Pooler, PostgresOptions};
pub use pg_projection::PgProjection;
pub use projector::projector;
pub use store::PostgresStore;
pub use tables::Tables;

/// The driver: a [`PgProjection`] is given one of its connections.
pub use sqlx;
