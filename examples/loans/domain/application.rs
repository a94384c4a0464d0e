//! [`Application`].

use super::{ApplicationEvent, CaseId, Milestone, Outcome, Refusal, Submission, WorkItem};
use es_core::{Aggregate, Apply};
use serde::Serialize;
use std::collections::BTreeMap;

/// An application for a loan: what the rules need to know of its history, and no more.
///
/// The rules themselves stand with the commands. They hold for every application of the real log; what one might
/// expect and does not hold there is allowed: work is completed without an open start, started twice in a row, and
/// goes on after the outcome, and so do offers and the registration.
#[derive(Debug, Clone, Aggregate, Serialize)]
#[aggregate(event = ApplicationEvent, error = Refusal, id = CaseId)]
pub struct Application {
    id: CaseId,
    pub(super) submission: Option<Submission>,
    pub(super) milestones: Vec<Milestone>,
    pub(super) outcome: Option<Outcome>,
    pub(super) offers: Offers,
    pub(super) work: BTreeMap<WorkItem, WorkDone>,
}

/// How many offers got how far.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Offers {
    pub selected: u32,
    pub created: u32,
    pub sent: u32,
}

/// How often a work item was scheduled, started, completed.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct WorkDone {
    pub scheduled: u32,
    pub started: u32,
    pub completed: u32,
}

impl Apply<ApplicationEvent> for Application {
    fn apply(&mut self, event: &ApplicationEvent) {
        match event {
            ApplicationEvent::Submitted(submission) => self.submission = Some(*submission),
            ApplicationEvent::PartlySubmitted => self.milestones.push(Milestone::PartlySubmitted),
            ApplicationEvent::Preaccepted => self.milestones.push(Milestone::Preaccepted),
            ApplicationEvent::Accepted => self.milestones.push(Milestone::Accepted),
            ApplicationEvent::Finalized => self.milestones.push(Milestone::Finalized),
            ApplicationEvent::Registered => self.milestones.push(Milestone::Registered),
            ApplicationEvent::Activated => self.milestones.push(Milestone::Activated),
            ApplicationEvent::Approved(_) => self.outcome = Some(Outcome::Approved),
            ApplicationEvent::Declined(_) => self.outcome = Some(Outcome::Declined),
            ApplicationEvent::Cancelled(_) => self.outcome = Some(Outcome::Cancelled),
            ApplicationEvent::OfferSelected => self.offers.selected += 1,
            ApplicationEvent::OfferCreated => self.offers.created += 1,
            ApplicationEvent::OfferSent => self.offers.sent += 1,
            ApplicationEvent::OfferSentBack
            | ApplicationEvent::OfferAccepted
            | ApplicationEvent::OfferCancelled
            | ApplicationEvent::OfferDeclined => (),
            ApplicationEvent::WorkScheduled(work) => self.work_done(work.item).scheduled += 1,
            ApplicationEvent::WorkStarted(work) => self.work_done(work.item).started += 1,
            ApplicationEvent::WorkCompleted(work) => self.work_done(work.item).completed += 1,
        }
    }
}

impl Application {
    fn work_done(&mut self, item: WorkItem) -> &mut WorkDone {
        self.work.entry(item).or_default()
    }
}
