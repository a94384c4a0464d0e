//! What several test programs need: faults and places to run in.

pub mod proxy;
