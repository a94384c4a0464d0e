//! [`Refusal`].

use super::{Milestone, Outcome, WorkItem};

/// Why a step cannot happen to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the application is not submitted yet: nothing comes before A_SUBMITTED")]
    NotSubmitted,
    #[error("the application was submitted before: that happens once")]
    SubmittedBefore,
    #[error("the application was {0} before: that happens once")]
    ReachedBefore(Milestone),
    #[error("the application is {0} already: there is one outcome")]
    DecidedBefore(Outcome),
    #[error("no offer waits to be created: {selected} selected, {created} created")]
    NoOfferSelected { selected: u32, created: u32 },
    #[error("no offer waits to be sent: {created} created, {sent} sent")]
    NoOfferCreated { created: u32, sent: u32 },
    #[error("{0} was not scheduled")]
    NotScheduled(WorkItem),
}
