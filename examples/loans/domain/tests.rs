//! The rules as sentences: given what has happened, when a step is asked for, then it happens or is refused.

use super::*;
use es_core::testing::{Case, Given};

pub fn submission() -> Submission {
    let submitted_at = "2011-10-01T00:38:44.546+02:00".parse().unwrap();
    Submission { submitted_at, amount: Euros::new(20_000) }
}

pub fn work(item: WorkItem) -> Work {
    Work { item, employee: Some(Employee::new(10_609)) }
}

fn given(events: impl IntoIterator<Item = ApplicationEvent>) -> Case<Application> {
    Application::given_for("173688".parse().unwrap(), events)
}

/// Given a submission, and then these events.
fn given_submitted(events: impl IntoIterator<Item = ApplicationEvent>) -> Case<Application> {
    given([ApplicationEvent::Submitted(submission())].into_iter().chain(events))
}

/// Every step there is.
fn steps() -> Vec<Step> {
    let label = |activity, lifecycle| {
        let employee = Some(Employee::new(10_609));
        Step::from_label(activity, lifecycle, submission(), employee).unwrap()
    };
    let activities = [
        "A_SUBMITTED",
        "A_PARTLYSUBMITTED",
        "A_PREACCEPTED",
        "A_ACCEPTED",
        "A_FINALIZED",
        "A_APPROVED",
        "A_DECLINED",
        "A_CANCELLED",
        "A_REGISTERED",
        "A_ACTIVATED",
        "O_SELECTED",
        "O_CREATED",
        "O_SENT",
        "O_SENT_BACK",
        "O_ACCEPTED",
        "O_CANCELLED",
        "O_DECLINED",
    ];
    let work = WorkItem::ALL.into_iter().flat_map(|item| {
        ["SCHEDULE", "START", "COMPLETE"].map(|lifecycle| label(item.activity(), lifecycle))
    });
    activities.into_iter().map(|activity| label(activity, "COMPLETE")).chain(work).collect()
}

#[test]
fn an_application_begins_with_its_submission() {
    given([]).when(Submit(submission())).then([ApplicationEvent::Submitted(submission())]);
}

#[test]
fn nothing_precedes_the_submission() {
    for step in steps() {
        if !matches!(step, Step::Submit(_)) {
            given([]).when(step).then_rejected(Refusal::NotSubmitted);
        }
    }
}

#[test]
fn there_is_no_second_submission() {
    given_submitted([]).when(Submit(submission())).then_rejected(Refusal::SubmittedBefore);
}

#[test]
fn each_milestone_is_reached_once() {
    given_submitted([]).when(PartlySubmit).then([ApplicationEvent::PartlySubmitted]);
    given_submitted([]).when(Preaccept).then([ApplicationEvent::Preaccepted]);
    given_submitted([]).when(Accept).then([ApplicationEvent::Accepted]);
    given_submitted([]).when(Finalize).then([ApplicationEvent::Finalized]);
    given_submitted([]).when(Register).then([ApplicationEvent::Registered]);
    given_submitted([]).when(Activate).then([ApplicationEvent::Activated]);

    let again = |event, step: Step, milestone| {
        given_submitted([event]).when(step).then_rejected(Refusal::ReachedBefore(milestone));
    };
    again(ApplicationEvent::PartlySubmitted, Step::PartlySubmit(PartlySubmit), Milestone::PartlySubmitted);
    again(ApplicationEvent::Preaccepted, Step::Preaccept(Preaccept), Milestone::Preaccepted);
    again(ApplicationEvent::Accepted, Step::Accept(Accept), Milestone::Accepted);
    again(ApplicationEvent::Finalized, Step::Finalize(Finalize), Milestone::Finalized);
    again(ApplicationEvent::Registered, Step::Register(Register), Milestone::Registered);
    again(ApplicationEvent::Activated, Step::Activate(Activate), Milestone::Activated);
}

#[test]
fn an_outcome_says_again_what_was_applied_for() {
    given_submitted([]).when(Approve).then([ApplicationEvent::Approved(submission())]);
    given_submitted([]).when(Decline).then([ApplicationEvent::Declined(submission())]);
    given_submitted([]).when(Cancel).then([ApplicationEvent::Cancelled(submission())]);
}

#[test]
fn there_is_no_second_outcome() {
    let outcomes = [
        (ApplicationEvent::Approved(submission()), Outcome::Approved),
        (ApplicationEvent::Declined(submission()), Outcome::Declined),
        (ApplicationEvent::Cancelled(submission()), Outcome::Cancelled),
    ];
    for (event, outcome) in outcomes {
        let refused = Refusal::DecidedBefore(outcome);
        given_submitted([event.clone()]).when(Approve).then_rejected(refused);
        given_submitted([event.clone()]).when(Decline).then_rejected(refused);
        given_submitted([event]).when(Cancel).then_rejected(refused);
    }
}

#[test]
fn an_offer_is_selected_then_created_then_sent() {
    use ApplicationEvent::{OfferCreated, OfferSelected, OfferSent};
    given_submitted([]).when(SelectOffer).then([OfferSelected]);
    given_submitted([OfferSelected]).when(CreateOffer).then([OfferCreated]);
    given_submitted([OfferSelected, OfferCreated]).when(SendOffer).then([OfferSent]);
    given_submitted([OfferSelected, OfferSelected, OfferCreated]).when(CreateOffer).then([OfferCreated]);
}

#[test]
fn no_offer_is_created_that_was_not_selected() {
    use ApplicationEvent::{OfferCreated, OfferSelected};
    given_submitted([]).when(CreateOffer).then_rejected(Refusal::NoOfferSelected { selected: 0, created: 0 });
    given_submitted([OfferSelected, OfferCreated])
        .when(CreateOffer)
        .then_rejected(Refusal::NoOfferSelected { selected: 1, created: 1 });
}

#[test]
fn no_offer_is_sent_that_was_not_created() {
    use ApplicationEvent::{OfferCreated, OfferSelected, OfferSent};
    given_submitted([OfferSelected])
        .when(SendOffer)
        .then_rejected(Refusal::NoOfferCreated { created: 0, sent: 0 });
    given_submitted([OfferSelected, OfferCreated, OfferSent])
        .when(SendOffer)
        .then_rejected(Refusal::NoOfferCreated { created: 1, sent: 1 });
}

#[test]
fn an_offer_is_answered_in_any_way() {
    given_submitted([]).when(SendBackOffer).then([ApplicationEvent::OfferSentBack]);
    given_submitted([]).when(AcceptOffer).then([ApplicationEvent::OfferAccepted]);
    given_submitted([]).when(CancelOffer).then([ApplicationEvent::OfferCancelled]);
    given_submitted([]).when(DeclineOffer).then([ApplicationEvent::OfferDeclined]);
}

#[test]
fn work_is_scheduled_before_it_is_started_or_completed() {
    let fraud = work(WorkItem::AssessFraud);
    let scheduled = || given_submitted([ApplicationEvent::WorkScheduled(fraud)]);
    given_submitted([]).when(ScheduleWork(fraud)).then([ApplicationEvent::WorkScheduled(fraud)]);
    scheduled().when(StartWork(fraud)).then([ApplicationEvent::WorkStarted(fraud)]);
    scheduled().when(CompleteWork(fraud)).then([ApplicationEvent::WorkCompleted(fraud)]);

    let lead = work(WorkItem::HandleLead);
    scheduled().when(StartWork(lead)).then_rejected(Refusal::NotScheduled(WorkItem::HandleLead));
    scheduled().when(CompleteWork(lead)).then_rejected(Refusal::NotScheduled(WorkItem::HandleLead));
}

#[test]
fn what_the_real_log_does_is_allowed() {
    let lead = work(WorkItem::HandleLead);
    let history = [
        ApplicationEvent::WorkScheduled(lead),
        ApplicationEvent::WorkStarted(lead),
        ApplicationEvent::Declined(submission()),
    ];
    let decided = || given_submitted(history.clone());
    decided().when(StartWork(lead)).then([ApplicationEvent::WorkStarted(lead)]);
    decided().when(CompleteWork(lead)).then([ApplicationEvent::WorkCompleted(lead)]);
    decided().when(SelectOffer).then([ApplicationEvent::OfferSelected]);
    decided().when(Register).then([ApplicationEvent::Registered]);
}

#[test]
fn a_step_makes_the_event_that_the_log_calls_by_the_same_name() {
    let selected =
        [ApplicationEvent::OfferSelected, ApplicationEvent::OfferCreated, ApplicationEvent::OfferSelected];
    let scheduled = WorkItem::ALL.map(|item| ApplicationEvent::WorkScheduled(work(item)));
    let mut labels = std::collections::BTreeSet::new();
    for step in steps() {
        let case = match step {
            Step::Submit(_) => given([]),
            _ => given_submitted(selected.iter().chain(&scheduled).cloned()),
        };
        let asked = step.clone();
        let _ = case.when_deciding(|state| {
            let events = es_core::Handle::handle(state, &asked)?;
            let (activity, lifecycle) = events[0].label();
            let same =
                Step::from_label(activity, lifecycle, submission(), Some(Employee::new(10_609))).unwrap();
            assert_eq!(std::mem::discriminant(&same), std::mem::discriminant(&asked));
            labels.insert((activity, lifecycle));
            Ok(events)
        });
    }
    assert_eq!(labels.len(), 17 + 3 * WorkItem::ALL.len(), "a label for every step, and none twice");
}

#[test]
fn labels_that_no_step_has_are_refused() {
    let unknown =
        |activity, lifecycle| Step::from_label(activity, lifecycle, submission(), None).unwrap_err();
    assert_eq!(unknown("A_SUBMITED", "COMPLETE"), UnknownStep::Activity);
    assert_eq!(unknown("A_SUBMITTED", "START"), UnknownStep::Lifecycle);
    assert_eq!(unknown("W_Afhandelen leads", "PAUSE"), UnknownStep::Lifecycle);
}
