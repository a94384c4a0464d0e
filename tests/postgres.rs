//! Scenarios for the store on a real PostgreSQL: races, slow transactions, restarts, poolers, foreign hands.
//!
//! Each test has a database of its own in the server of the run, or a server of its own where it stops one, reads its
//! log or makes roles.

// The files lie in `postgres/`, beside this one.
#[allow(clippy::unwrap_used, reason = "a scene that cannot be set fails its test")]
mod postgres {
    mod crash;
    mod dump;
    mod edges;
    mod events_json;
    mod horizon;
    mod interrupted;
    mod limits;
    mod migrations;
    mod opening;
    mod order;
    mod pooler;
    mod races;
    mod roles;
    mod round_trips;
    mod standby;
    mod trouble;

    mod bouncer;
    mod reader;
    mod scene;
    mod workload;
}
