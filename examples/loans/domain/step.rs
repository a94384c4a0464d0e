//! [`Step`].

use super::*;
use es_core::Handle;

/// Any of the commands: what one row of the log asks for.
#[derive(Debug, Clone)]
pub enum Step {
    Submit(Submit),
    PartlySubmit(PartlySubmit),
    Preaccept(Preaccept),
    Accept(Accept),
    Finalize(Finalize),
    Approve(Approve),
    Decline(Decline),
    Cancel(Cancel),
    Register(Register),
    Activate(Activate),
    SelectOffer(SelectOffer),
    CreateOffer(CreateOffer),
    SendOffer(SendOffer),
    SendBackOffer(SendBackOffer),
    AcceptOffer(AcceptOffer),
    CancelOffer(CancelOffer),
    DeclineOffer(DeclineOffer),
    ScheduleWork(ScheduleWork),
    StartWork(StartWork),
    CompleteWork(CompleteWork),
}

/// A label that no step has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownStep {
    #[error("unknown activity")]
    Activity,
    #[error("unknown lifecycle")]
    Lifecycle,
}

impl Step {
    /// The step that the log calls by this activity and lifecycle.
    pub fn from_label(
        activity: &str,
        lifecycle: &str,
        submission: Submission,
        employee: Option<Employee>,
    ) -> Result<Self, UnknownStep> {
        if let Some(item) = WorkItem::from_activity(activity) {
            return Self::from_lifecycle(lifecycle, Work { item, employee });
        }
        let step = match activity {
            "A_SUBMITTED" => Self::Submit(Submit(submission)),
            "A_PARTLYSUBMITTED" => Self::PartlySubmit(PartlySubmit),
            "A_PREACCEPTED" => Self::Preaccept(Preaccept),
            "A_ACCEPTED" => Self::Accept(Accept),
            "A_FINALIZED" => Self::Finalize(Finalize),
            "A_APPROVED" => Self::Approve(Approve),
            "A_DECLINED" => Self::Decline(Decline),
            "A_CANCELLED" => Self::Cancel(Cancel),
            "A_REGISTERED" => Self::Register(Register),
            "A_ACTIVATED" => Self::Activate(Activate),
            "O_SELECTED" => Self::SelectOffer(SelectOffer),
            "O_CREATED" => Self::CreateOffer(CreateOffer),
            "O_SENT" => Self::SendOffer(SendOffer),
            "O_SENT_BACK" => Self::SendBackOffer(SendBackOffer),
            "O_ACCEPTED" => Self::AcceptOffer(AcceptOffer),
            "O_CANCELLED" => Self::CancelOffer(CancelOffer),
            "O_DECLINED" => Self::DeclineOffer(DeclineOffer),
            _ => return Err(UnknownStep::Activity),
        };
        if lifecycle == "COMPLETE" { Ok(step) } else { Err(UnknownStep::Lifecycle) }
    }

    fn from_lifecycle(lifecycle: &str, work: Work) -> Result<Self, UnknownStep> {
        match lifecycle {
            "SCHEDULE" => Ok(Self::ScheduleWork(ScheduleWork(work))),
            "START" => Ok(Self::StartWork(StartWork(work))),
            "COMPLETE" => Ok(Self::CompleteWork(CompleteWork(work))),
            _ => Err(UnknownStep::Lifecycle),
        }
    }
}

impl Handle<Step> for Application {
    fn handle(&self, step: &Step) -> Result<Vec<ApplicationEvent>, Refusal> {
        match step {
            Step::Submit(command) => self.handle(command),
            Step::PartlySubmit(command) => self.handle(command),
            Step::Preaccept(command) => self.handle(command),
            Step::Accept(command) => self.handle(command),
            Step::Finalize(command) => self.handle(command),
            Step::Approve(command) => self.handle(command),
            Step::Decline(command) => self.handle(command),
            Step::Cancel(command) => self.handle(command),
            Step::Register(command) => self.handle(command),
            Step::Activate(command) => self.handle(command),
            Step::SelectOffer(command) => self.handle(command),
            Step::CreateOffer(command) => self.handle(command),
            Step::SendOffer(command) => self.handle(command),
            Step::SendBackOffer(command) => self.handle(command),
            Step::AcceptOffer(command) => self.handle(command),
            Step::CancelOffer(command) => self.handle(command),
            Step::DeclineOffer(command) => self.handle(command),
            Step::ScheduleWork(command) => self.handle(command),
            Step::StartWork(command) => self.handle(command),
            Step::CompleteWork(command) => self.handle(command),
        }
    }
}
