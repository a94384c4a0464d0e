//! [`Month`].

use crate::domain::{ApplicationEvent, Euros};
use es_core::{Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// What became of the applications of one month; its key is the month of submission on the bank's calendar, `2011-10`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Month {
    pub submitted: u64,
    pub approved: u64,
    pub declined: u64,
    pub cancelled: u64,
    pub amount_approved: Euros,
}

impl Projection for Month {
    const NAME: &'static str = "months";
    type Event = ApplicationEvent;
    type Key = String;

    fn keys(event: &Recorded<ApplicationEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let submission = match event.data {
            ApplicationEvent::Submitted(submission)
            | ApplicationEvent::Approved(submission)
            | ApplicationEvent::Declined(submission)
            | ApplicationEvent::Cancelled(submission) => Some(submission),
            _ => None,
        };
        Ok(submission.map(|submission| submission.submitted_at.format("%Y-%m").to_string()))
    }

    fn project(&mut self, event: &Recorded<ApplicationEvent>) -> Fate {
        match event.data {
            ApplicationEvent::Submitted(_) => self.submitted += 1,
            ApplicationEvent::Declined(_) => self.declined += 1,
            ApplicationEvent::Cancelled(_) => self.cancelled += 1,
            ApplicationEvent::Approved(submission) => {
                self.approved += 1;
                self.amount_approved += submission.amount;
            }
            _ => (),
        }
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Submission;
    use es_core::testing::Log;

    #[test]
    fn an_application_belongs_to_the_local_month_of_its_submission() {
        // In Greenwich it was still September.
        let submitted_at = "2011-10-01T00:38:44.546+02:00".parse().unwrap();
        let first = Submission { submitted_at, amount: Euros::new(20_000) };
        let second = Submission { amount: Euros::new(5_000), ..first };
        let log = Log::new()
            .at("2011-12-24T12:00:00Z".parse().unwrap())
            .event("application-1", ApplicationEvent::Submitted(first))
            .event("application-2", ApplicationEvent::Submitted(second))
            .event("application-3", ApplicationEvent::Submitted(second))
            .event("application-1", ApplicationEvent::Approved(first))
            .event("application-1", ApplicationEvent::Activated)
            .event("application-2", ApplicationEvent::Approved(second))
            .event("application-3", ApplicationEvent::Declined(second));
        let month = Month {
            submitted: 3,
            approved: 2,
            declined: 1,
            cancelled: 0,
            amount_approved: Euros::new(25_000),
        };
        let _ = log.project::<Month>().then("2011-10", &month).then_none("2011-09").then_none("2011-12");
    }
}
