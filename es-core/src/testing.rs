//! For tests: given, when, then, without a store or a runtime; a clock and ids that a test sets.

mod given;
mod log;
mod manual_clock;
mod numbered_ids;

pub use given::{Case, Given, Outcome};
pub use log::{Log, Views};
pub use manual_clock::ManualClock;
pub use numbered_ids::NumberedIds;
