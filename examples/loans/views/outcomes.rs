//! [`Outcomes`].

use crate::domain::ApplicationEvent;
use es_core::{Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// How many applications ended how, and how many have not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    pub approved: u64,
    pub declined: u64,
    pub cancelled: u64,
    pub open: u64,
}

/// The key of the one view there is.
pub const ALL: &str = "all";

impl Projection for Outcomes {
    const NAME: &'static str = "outcomes";
    type Event = ApplicationEvent;
    type Key = String;

    fn keys(event: &Recorded<ApplicationEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let counts = matches!(
            event.data,
            ApplicationEvent::Submitted(_)
                | ApplicationEvent::Approved(_)
                | ApplicationEvent::Declined(_)
                | ApplicationEvent::Cancelled(_)
        );
        Ok(counts.then(|| ALL.to_owned()))
    }

    fn project(&mut self, event: &Recorded<ApplicationEvent>) -> Fate {
        match event.data {
            ApplicationEvent::Submitted(_) => {
                self.open += 1;
                return Fate::Keep;
            }
            ApplicationEvent::Approved(_) => self.approved += 1,
            ApplicationEvent::Declined(_) => self.declined += 1,
            ApplicationEvent::Cancelled(_) => self.cancelled += 1,
            _ => return Fate::Keep,
        }
        self.open -= 1;
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::submission;
    use es_core::testing::Log;

    #[test]
    fn an_application_is_open_until_it_has_an_outcome() {
        let log = Log::new()
            .event("application-1", ApplicationEvent::Submitted(submission()))
            .event("application-2", ApplicationEvent::Submitted(submission()))
            .event("application-3", ApplicationEvent::Submitted(submission()))
            .event("application-1", ApplicationEvent::Approved(submission()))
            .event("application-1", ApplicationEvent::Registered)
            .event("application-3", ApplicationEvent::Cancelled(submission()));
        let expected = Outcomes { approved: 1, declined: 0, cancelled: 1, open: 1 };
        let _ = log.project::<Outcomes>().then(ALL, &expected);
    }
}
