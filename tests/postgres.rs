//! The store on a real PostgreSQL: what it promises beyond what every store does, and what it keeps while connections,
//! processes, networks and disks fail, and while others write, migrate and change settings beside it.

// The files lie in `postgres/`, beside this one.
#[allow(clippy::unwrap_used, reason = "what a fault needs and cannot have fails its test")]
mod postgres {
    // What the tests have in common.
    mod accounts;
    mod bouncer;
    mod clerk;
    mod ground;
    mod reader;
    mod scene;
    mod workload;

    // The order of the log: late commits, races, and what a crash takes back.
    mod crash;
    mod edges;
    mod horizon;
    mod order;
    mod pooler;
    mod races;

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
    mod copied;
    mod projectors;
    mod readers;
    mod wake_ups;

    // Read models in tables and inside of appends.
    mod endless;
    mod in_table;
    mod inline;
    mod letters;
    mod shards;
    mod sql_letters;
    mod sql_projections;
    mod unfinished;

    // The schema, its server and those who may use it.
    mod dump;
    mod events_json;
    mod interrupted;
    mod migrations;
    mod opening;
    mod roles;
    mod standby;

    // What a caller is told, and what a call costs.
    mod errors;
    mod lanes;
    mod limits;
    mod loads;
    mod round_trips;
    mod tls;
    mod trouble;
}
