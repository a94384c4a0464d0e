//! Every promise, on every store: see es-conformance.

// The files lie in `conformance/`, beside this one.
#[allow(clippy::unwrap_used, reason = "a subject that cannot be made fails its case")]
mod conformance {
    mod memory;
    mod postgres;
    mod sqlite;

    mod harness;
    mod twins;
}
