//! [`ApplicationSummary`].

use crate::domain::{Application, ApplicationEvent, CaseId, Euros, Outcome};
use chrono::{DateTime, TimeDelta, Utc};
use es_core::{Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One application at a glance; its key is the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSummary {
    pub state: Stage,
    pub amount: Euros,
    pub offers: u64,
    pub events: u64,
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<DateTime<Utc>>,
}

/// How far an application has come. An outcome is the end, although work may go on after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    #[default]
    Submitted,
    PartlySubmitted,
    Preaccepted,
    Accepted,
    Finalized,
    #[serde(untagged)]
    Decided(Outcome),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Submitted => "submitted",
            Self::PartlySubmitted => "partly submitted",
            Self::Preaccepted => "preaccepted",
            Self::Accepted => "accepted",
            Self::Finalized => "finalized",
            Self::Decided(Outcome::Approved) => "approved",
            Self::Decided(Outcome::Declined) => "declined",
            Self::Decided(Outcome::Cancelled) => "cancelled",
        })
    }
}

impl ApplicationSummary {
    /// How it ended, and how long that took from its first event.
    pub fn duration(&self) -> Option<(Outcome, TimeDelta)> {
        match (self.state, self.decided) {
            (Stage::Decided(outcome), Some(decided)) => Some((outcome, decided - self.first)),
            _ => None,
        }
    }

    fn reach(&mut self, stage: Stage) {
        if !matches!(self.state, Stage::Decided(_)) {
            self.state = stage;
        }
    }

    fn decide(&mut self, outcome: Outcome, at: DateTime<Utc>) {
        self.state = Stage::Decided(outcome);
        self.decided = Some(at);
    }
}

impl Projection for ApplicationSummary {
    const NAME: &'static str = "applications";
    type Event = ApplicationEvent;
    type Key = CaseId;

    fn keys(event: &Recorded<ApplicationEvent>) -> Result<impl IntoIterator<Item = CaseId>, KeyError> {
        Ok([event.stream.id::<Application>()?])
    }

    fn project(&mut self, event: &Recorded<ApplicationEvent>) -> Fate {
        let at = event.happened_at();
        match event.data {
            ApplicationEvent::Submitted(submission) => {
                self.amount = submission.amount;
                self.first = at;
            }
            ApplicationEvent::PartlySubmitted => self.reach(Stage::PartlySubmitted),
            ApplicationEvent::Preaccepted => self.reach(Stage::Preaccepted),
            ApplicationEvent::Accepted => self.reach(Stage::Accepted),
            ApplicationEvent::Finalized => self.reach(Stage::Finalized),
            ApplicationEvent::Approved(_) => self.decide(Outcome::Approved, at),
            ApplicationEvent::Declined(_) => self.decide(Outcome::Declined, at),
            ApplicationEvent::Cancelled(_) => self.decide(Outcome::Cancelled, at),
            ApplicationEvent::OfferCreated => self.offers += 1,
            _ => (),
        }
        self.events += 1;
        self.last = at;
        Fate::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::WorkItem;
    use crate::domain::tests::{submission, work};
    use es_core::Metadata;
    use es_core::testing::Log;

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2011-10-01T10:{minute:02}:00Z").parse().unwrap()
    }

    fn happened(minute: u32) -> Metadata {
        Metadata::new().occurred(at(minute))
    }

    #[test]
    fn a_summary_tells_when_things_happened_not_when_they_were_recorded() {
        let log = Log::new()
            .with(happened(1))
            .event("application-1", ApplicationEvent::Submitted(submission()))
            .with(happened(2))
            .event("application-1", ApplicationEvent::OfferCreated)
            .event("application-1", ApplicationEvent::OfferCreated)
            .with(happened(31))
            .event("application-1", ApplicationEvent::Approved(submission()))
            .with(happened(40))
            .event("application-1", ApplicationEvent::WorkCompleted(work(WorkItem::AssessApplication)));
        let summary = ApplicationSummary {
            state: Stage::Decided(Outcome::Approved),
            amount: submission().amount,
            offers: 2,
            events: 5,
            first: at(1),
            last: at(40),
            decided: Some(at(31)),
        };
        assert_eq!(summary.duration(), Some((Outcome::Approved, TimeDelta::minutes(30))));
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["state"], "approved");
        assert_eq!(serde_json::from_value::<ApplicationSummary>(json).unwrap(), summary);
        let _ = log.project::<ApplicationSummary>().then(1, &summary);
    }

    #[test]
    fn an_outcome_is_the_end_and_an_open_application_has_no_duration() {
        let log = Log::new()
            .with(happened(1))
            .event("application-1", ApplicationEvent::Submitted(submission()))
            .event("application-1", ApplicationEvent::Preaccepted);
        let open = ApplicationSummary {
            state: Stage::Preaccepted,
            amount: submission().amount,
            offers: 0,
            events: 2,
            first: at(1),
            last: at(1),
            decided: None,
        };
        assert_eq!(open.duration(), None);
        let _ = log.clone().project::<ApplicationSummary>().then(1, &open);
        let log = log
            .event("application-1", ApplicationEvent::Declined(submission()))
            .event("application-1", ApplicationEvent::Accepted);
        let ended = ApplicationSummary {
            state: Stage::Decided(Outcome::Declined),
            events: 4,
            decided: Some(at(1)),
            ..open
        };
        let _ = log.project::<ApplicationSummary>().then(1, &ended);
    }
}
