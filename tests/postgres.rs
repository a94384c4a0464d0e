//! What the store on PostgreSQL promises beyond what every store does.

// The files lie in `postgres/`, beside this one.
#[allow(clippy::unwrap_used, reason = "what cannot be set up fails its test")]
mod postgres {
    mod accounts;

    mod in_table;
    mod inline;
    mod sql_projections;
}
