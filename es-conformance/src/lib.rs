//! Every promise an event store owes, as a test that any store can run.
//!
//! Write a [`Subject`] for your store and call [`conformance!`]. Whoever runs a promise on a store that breaks it must
//! see it fail: [`Layer`] makes such broken twins of a good store in a few lines, and [`Case::named`] runs one case.

mod macros;
mod table;

mod ability;
mod case;
mod instance;
mod settings;
mod subject;
mod tamper;

mod layer;

#[allow(clippy::unwrap_used, reason = "cases are tests: what unwraps is the promise")]
mod cases;
#[allow(clippy::unwrap_used, reason = "a fixture that cannot be made fails the case")]
mod fixtures;
mod wait;

pub use ability::Ability;
pub use case::Case;
#[doc(hidden)]
pub use case::{list_skipped as __list_skipped, run_as_test as __run_as_test};
pub use instance::{HeldAppend, Instance};
pub use layer::{Layer, Layered};
pub use settings::Settings;
pub use subject::Subject;
pub use tamper::Tamper;
