//! [`Activity`].

use crate::domain::ApplicationEvent;
use es_core::{Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// How often something happened; its key is what the log calls it, `A_SUBMITTED/COMPLETE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub events: u64,
}

impl Projection for Activity {
    const NAME: &'static str = "activities";
    type Event = ApplicationEvent;
    type Key = String;

    fn keys(event: &Recorded<ApplicationEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let (activity, lifecycle) = event.data.label();
        Ok([format!("{activity}/{lifecycle}")])
    }

    fn project(&mut self, _: &Recorded<ApplicationEvent>) -> Fate {
        self.events += 1;
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::WorkItem;
    use crate::domain::tests::work;
    use es_core::testing::Log;

    #[test]
    fn each_activity_counts_by_its_lifecycle() {
        let log = Log::new()
            .event("application-1", ApplicationEvent::WorkStarted(work(WorkItem::AssessFraud)))
            .event("application-2", ApplicationEvent::WorkStarted(work(WorkItem::AssessFraud)))
            .event("application-2", ApplicationEvent::WorkCompleted(work(WorkItem::AssessFraud)))
            .event("application-1", ApplicationEvent::Accepted);
        let _ = log
            .project::<Activity>()
            .then("W_Beoordelen fraude/START", &Activity { events: 2 })
            .then("W_Beoordelen fraude/COMPLETE", &Activity { events: 1 })
            .then("A_ACCEPTED/COMPLETE", &Activity { events: 1 })
            .then_none("W_Beoordelen fraude/SCHEDULE");
    }
}
