//! The store on SQLite, as other programs and its own file see it. What every store owes is in es-conformance.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
mod file;
mod log;
mod read_models;
mod shards;
mod sql_letters;
mod sql_projections;
