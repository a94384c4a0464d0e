//! What needs no database: see `benches/inside.rs`.
