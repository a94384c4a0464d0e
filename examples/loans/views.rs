//! The read models, each a pure fold of the events.
//!
//! They count facts of the business, which are in the payload. Of the metadata they use one thing, when it happened.

mod activities;
mod applications;
mod employees;
mod months;
mod outcomes;

pub use activities::Activity;
pub use applications::ApplicationSummary;
pub use employees::EmployeeWork;
pub use months::Month;
pub use outcomes::{ALL, Outcomes};
