//! The commands, one for each kind of step, each with its rule.

use super::{Application, ApplicationEvent, Milestone, Refusal, Submission, Work, WorkItem};
use es_core::Handle;

type Decision = Result<Vec<ApplicationEvent>, Refusal>;

/// A customer applies for a loan.
#[derive(Debug, Clone)]
pub struct Submit(pub Submission);

impl Handle<Submit> for Application {
    fn handle(&self, submit: &Submit) -> Decision {
        match self.submission {
            None => Ok(vec![ApplicationEvent::Submitted(submit.0)]),
            Some(_) => Err(Refusal::SubmittedBefore),
        }
    }
}

/// Declares a command that takes an application past a milestone, once.
macro_rules! milestones {
    ($($command:ident => $milestone:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone)]
        pub struct $command;

        impl Handle<$command> for Application {
            fn handle(&self, _: &$command) -> Decision {
                self.submitted()?;
                if self.milestones.contains(&Milestone::$milestone) {
                    return Err(Refusal::ReachedBefore(Milestone::$milestone));
                }
                Ok(vec![ApplicationEvent::$milestone])
            }
        }
    )*};
}

milestones! {
    PartlySubmit => PartlySubmitted: "The first part of the application has come in.",
    Preaccept => Preaccepted: "The application looks promising, but something is missing.",
    Accept => Accepted: "The application is complete, and an offer can be made.",
    Finalize => Finalized: "The application is ready for an offer to be sent.",
    Register => Registered: "The loan is entered into the books.",
    Activate => Activated: "The loan is paid out.",
}

/// Declares a command that ends an application: it may have one outcome.
macro_rules! outcomes {
    ($($command:ident => $outcome:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone)]
        pub struct $command;

        impl Handle<$command> for Application {
            fn handle(&self, _: &$command) -> Decision {
                let submission = self.submitted()?;
                match self.outcome {
                    None => Ok(vec![ApplicationEvent::$outcome(submission)]),
                    Some(outcome) => Err(Refusal::DecidedBefore(outcome)),
                }
            }
        }
    )*};
}

outcomes! {
    Approve => Approved: "The customer gets the loan.",
    Decline => Declined: "The bank says no.",
    Cancel => Cancelled: "The customer wants it no more, or did not answer.",
}

/// An offer is chosen for the customer.
#[derive(Debug, Clone)]
pub struct SelectOffer;

impl Handle<SelectOffer> for Application {
    fn handle(&self, _: &SelectOffer) -> Decision {
        self.submitted()?;
        Ok(vec![ApplicationEvent::OfferSelected])
    }
}

/// The chosen offer is drawn up.
#[derive(Debug, Clone)]
pub struct CreateOffer;

impl Handle<CreateOffer> for Application {
    fn handle(&self, _: &CreateOffer) -> Decision {
        self.submitted()?;
        let (selected, created) = (self.offers.selected, self.offers.created);
        if created < selected {
            Ok(vec![ApplicationEvent::OfferCreated])
        } else {
            Err(Refusal::NoOfferSelected { selected, created })
        }
    }
}

/// The offer goes to the customer.
#[derive(Debug, Clone)]
pub struct SendOffer;

impl Handle<SendOffer> for Application {
    fn handle(&self, _: &SendOffer) -> Decision {
        self.submitted()?;
        let (created, sent) = (self.offers.created, self.offers.sent);
        if sent < created {
            Ok(vec![ApplicationEvent::OfferSent])
        } else {
            Err(Refusal::NoOfferCreated { created, sent })
        }
    }
}

/// Declares a command about an offer of which the log does not say more than that it happened.
macro_rules! offer_replies {
    ($($command:ident => $event:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone)]
        pub struct $command;

        impl Handle<$command> for Application {
            fn handle(&self, _: &$command) -> Decision {
                self.submitted()?;
                Ok(vec![ApplicationEvent::$event])
            }
        }
    )*};
}

offer_replies! {
    SendBackOffer => OfferSentBack: "The customer sends the offer back.",
    AcceptOffer => OfferAccepted: "The bank accepts what the customer has sent back.",
    CancelOffer => OfferCancelled: "The offer is withdrawn.",
    DeclineOffer => OfferDeclined: "The offer is turned down.",
}

/// A work item is put on someone's desk.
#[derive(Debug, Clone)]
pub struct ScheduleWork(pub Work);

impl Handle<ScheduleWork> for Application {
    fn handle(&self, schedule: &ScheduleWork) -> Decision {
        self.submitted()?;
        Ok(vec![ApplicationEvent::WorkScheduled(schedule.0)])
    }
}

/// An employee begins with a work item.
#[derive(Debug, Clone)]
pub struct StartWork(pub Work);

impl Handle<StartWork> for Application {
    fn handle(&self, start: &StartWork) -> Decision {
        self.scheduled(start.0.item)?;
        Ok(vec![ApplicationEvent::WorkStarted(start.0)])
    }
}

/// An employee is done with a work item, for now.
#[derive(Debug, Clone)]
pub struct CompleteWork(pub Work);

impl Handle<CompleteWork> for Application {
    fn handle(&self, complete: &CompleteWork) -> Decision {
        self.scheduled(complete.0.item)?;
        Ok(vec![ApplicationEvent::WorkCompleted(complete.0)])
    }
}

impl Application {
    fn submitted(&self) -> Result<Submission, Refusal> {
        self.submission.ok_or(Refusal::NotSubmitted)
    }

    fn scheduled(&self, item: WorkItem) -> Result<(), Refusal> {
        self.submitted()?;
        let scheduled = self.work.get(&item).is_some_and(|work| work.scheduled > 0);
        if scheduled { Ok(()) } else { Err(Refusal::NotScheduled(item)) }
    }
}
