//! The examples as processes. Killed with SIGKILL at any moment and started again, they end with exact results; and on
//! every store they say the same. What they count is watched by a real Prometheus.

#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/http.rs"]
mod http;
#[path = "recovery/kill.rs"]
mod kill;
#[path = "recovery/loans.rs"]
mod loans;
#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/process.rs"]
mod process;
#[allow(clippy::unwrap_used, reason = "a server that says nothing fails its test")]
#[path = "recovery/prometheus.rs"]
mod prometheus;
#[allow(clippy::unwrap_used, reason = "a store that cannot be read fails its test")]
#[path = "recovery/rebuild.rs"]
mod rebuild;
#[path = "recovery/replay.rs"]
mod replay;
#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/run.rs"]
mod run;
#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/stores.rs"]
mod stores;
#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/teller.rs"]
mod teller;
#[allow(clippy::unwrap_used, reason = "a program that says nothing fails its test")]
#[path = "recovery/watched.rs"]
mod watched;
