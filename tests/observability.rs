//! What a recorder of metrics and a subscriber of spans are told, by a small application on each store.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "observability/application.rs"]
mod application;
#[path = "observability/bank.rs"]
mod bank;
#[path = "observability/recorder.rs"]
mod recorder;
#[path = "observability/spans.rs"]
mod spans;
#[path = "observability/stores.rs"]
mod stores;
