//! The store on a real PostgreSQL, while connections, processes, networks and disks fail.

// The files lie in `postgres/`, beside this one.
#[allow(clippy::unwrap_used, reason = "what a fault needs and cannot have fails its test")]
mod postgres {
    // What the tests have in common.
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

    // What a caller is told.
    mod errors;
    mod tls;
}
