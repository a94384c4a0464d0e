//! Crashes: a program that is killed with SIGKILL at any moment and started again ends with exact results.

#[path = "recovery/kill.rs"]
mod kill;
#[path = "recovery/loans.rs"]
mod loans;
#[path = "recovery/replay.rs"]
mod replay;
