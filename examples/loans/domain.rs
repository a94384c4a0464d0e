//! The domain: what an application for a loan is, what can happen to it, and what cannot.
//!
//! Everything here is pure. There is no store, no file and no clock: what a decision depends on is in the state or in
//! the command.

mod application;
mod case_id;
mod command;
mod employee;
mod euros;
mod event;
mod milestone;
mod outcome;
mod refusal;
mod step;
mod work_item;

pub use application::Application;
pub use case_id::CaseId;
pub use command::{
    Accept, AcceptOffer, Activate, Approve, Cancel, CancelOffer, CompleteWork, CreateOffer, Decline,
    DeclineOffer, Finalize, PartlySubmit, Preaccept, Register, ScheduleWork, SelectOffer, SendBackOffer,
    SendOffer, StartWork, Submit,
};
pub use employee::Employee;
pub use euros::Euros;
pub use event::{ApplicationEvent, Submission, Work};
pub use milestone::Milestone;
pub use outcome::Outcome;
pub use refusal::Refusal;
pub use step::{Step, UnknownStep};
pub use work_item::WorkItem;

#[cfg(test)]
pub mod tests;
