//! [`ApplicationEvent`].

use super::{Employee, Euros, WorkItem};
use chrono::{DateTime, FixedOffset};
use es_core::Event;
use serde::{Deserialize, Serialize};

/// What can happen to an application: a variant per kind of step, in the words of the domain.
///
/// When it happened is in the metadata ([`Recorded::happened_at`](es_core::Recorded::happened_at)), and so is who sent
/// the command. The payload repeats of that only what is a fact of the business: the *local* time of the submission,
/// whose calendar month counts, and the employee who did a piece of work.
#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "application")]
pub enum ApplicationEvent {
    Submitted(Submission),
    PartlySubmitted,
    Preaccepted,
    Accepted,
    Finalized,
    Approved(Submission),
    Declined(Submission),
    Cancelled(Submission),
    Registered,
    Activated,
    OfferSelected,
    OfferCreated,
    OfferSent,
    OfferSentBack,
    OfferAccepted,
    OfferCancelled,
    OfferDeclined,
    WorkScheduled(Work),
    WorkStarted(Work),
    WorkCompleted(Work),
}

/// What was applied for, and when. An outcome says it again, so that a read model by month of submission needs to
/// remember no application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    pub submitted_at: DateTime<FixedOffset>,
    pub amount: Euros,
}

/// A piece of work, and who did it where the log knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub item: WorkItem,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employee: Option<Employee>,
}

impl ApplicationEvent {
    /// What the log calls it: activity and lifecycle.
    pub fn label(&self) -> (&'static str, &'static str) {
        let activity = match self {
            Self::Submitted(_) => "A_SUBMITTED",
            Self::PartlySubmitted => "A_PARTLYSUBMITTED",
            Self::Preaccepted => "A_PREACCEPTED",
            Self::Accepted => "A_ACCEPTED",
            Self::Finalized => "A_FINALIZED",
            Self::Approved(_) => "A_APPROVED",
            Self::Declined(_) => "A_DECLINED",
            Self::Cancelled(_) => "A_CANCELLED",
            Self::Registered => "A_REGISTERED",
            Self::Activated => "A_ACTIVATED",
            Self::OfferSelected => "O_SELECTED",
            Self::OfferCreated => "O_CREATED",
            Self::OfferSent => "O_SENT",
            Self::OfferSentBack => "O_SENT_BACK",
            Self::OfferAccepted => "O_ACCEPTED",
            Self::OfferCancelled => "O_CANCELLED",
            Self::OfferDeclined => "O_DECLINED",
            Self::WorkScheduled(work) => return (work.item.activity(), "SCHEDULE"),
            Self::WorkStarted(work) => return (work.item.activity(), "START"),
            Self::WorkCompleted(work) => work.item.activity(),
        };
        (activity, "COMPLETE")
    }
}
