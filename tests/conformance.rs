//! Every promise, on every store: see es-conformance.

// The files lie in `conformance/`, beside this one.
mod conformance {
    mod memory;
    mod sqlite;

    mod twins;
}
