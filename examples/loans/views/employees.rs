//! [`EmployeeWork`].

use crate::domain::{ApplicationEvent, Employee};
use es_core::{Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// How many work items an employee has started and completed; its key is the employee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmployeeWork {
    pub started: u64,
    pub completed: u64,
}

impl Projection for EmployeeWork {
    const NAME: &'static str = "employees";
    type Event = ApplicationEvent;
    type Key = Employee;

    fn keys(event: &Recorded<ApplicationEvent>) -> Result<impl IntoIterator<Item = Employee>, KeyError> {
        Ok(match event.data {
            ApplicationEvent::WorkStarted(work) | ApplicationEvent::WorkCompleted(work) => work.employee,
            _ => None,
        })
    }

    fn project(&mut self, event: &Recorded<ApplicationEvent>) -> Fate {
        match event.data {
            ApplicationEvent::WorkStarted(_) => self.started += 1,
            ApplicationEvent::WorkCompleted(_) => self.completed += 1,
            _ => (),
        }
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tests::work;
    use crate::domain::{Work, WorkItem};
    use es_core::testing::Log;

    #[test]
    fn work_counts_for_whoever_did_it() {
        let by_10609 = Work { employee: Some(Employee::new(10_609)), ..work(WorkItem::HandleLead) };
        let nameless = Work { employee: None, ..by_10609 };
        let log = Log::new()
            .event("application-1", ApplicationEvent::WorkScheduled(by_10609))
            .event("application-1", ApplicationEvent::WorkStarted(by_10609))
            .event("application-1", ApplicationEvent::WorkCompleted(nameless))
            .event("application-2", ApplicationEvent::WorkStarted(by_10609))
            .event("application-2", ApplicationEvent::WorkCompleted(by_10609));
        let _ = log
            .project::<EmployeeWork>()
            .then(10_609, &EmployeeWork { started: 2, completed: 1 })
            .then_none("");
    }
}
