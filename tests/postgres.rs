//! The store on a real PostgreSQL: what it promises beyond what every store does, and what it keeps while connections,
//! processes, networks and disks fail.

// The files lie in `postgres/`, beside this one.
#[allow(clippy::unwrap_used, reason = "what a fault needs and cannot have fails its test")]
mod postgres {
    // What the tests have in common.
    mod accounts;
    mod clerk;
    mod ground;

    // Faults between the store and its server.
    mod black_hole;
    mod cut;
    mod dropped;
    mod terminated;

    // Faults of processes, servers and disks.
    mod disk_full;
    mod killed;
    mod restarted;
    mod stopped;

    // Read models and readers.
    mod projectors;
    mod readers;
    mod wake_ups;

    // Read models in tables and inside of appends.
    mod in_table;
    mod inline;
    mod sql_projections;

    // What a caller is told.
    mod errors;
    mod tls;
}
