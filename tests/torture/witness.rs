//! [`Witness`]: a store that writes down what it is asked and what it answers.

use super::journal::{Journal, now};
use super::line::{Answer, Batch, BatchFate, Granted, Line, Outcome, Part, StreamRead};
use super::orders::Orders;
use super::worker::{Desk, Role};
use anyhow::Result;
use async_trait::async_trait;
use es_conformance::Layer;
use es_core::{
    Append, AppendError, Appended, Commit, CommitError, Direction, Grant, Lease, ProjectionId, Store,
    StoreError, StreamId, StreamPage, StreamRange, Version,
};
use fastrand::Rng;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One commit in so many comes later than the lease allows.
const LATE_COMMIT_ONE_IN: u32 = 60;

/// Longer than the lease of a projector, together with the pauses.
const LATE_COMMIT_MS: std::ops::Range<u64> = 50..1_200;

/// A store that writes down what it is asked and what it answers.
pub struct Witness {
    below: Arc<dyn Store>,
    journal: Journal,
    next_op: AtomicU64,
    orders: Orders,
    late: Option<Mutex<Rng>>,
}

impl Witness {
    /// Between a worker and its store. Each witness of one worker has a lane of its own, so that no two calls have the
    /// same number.
    pub fn new(below: Arc<dyn Store>, desk: &Desk, lane: u32) -> Self {
        let late = (desk.job.role == Role::Projector).then(|| Mutex::new(desk.dice(255)));
        let next_op = AtomicU64::new(desk.job.incarnation << 32 | u64::from(lane) << 26);
        Self { below, journal: desk.journal.clone(), next_op, orders: desk.orders.clone(), late }
    }

    async fn write(&self, line: Line) -> Result<(), StoreError> {
        self.journal.write(&line).await.map_err(|error| StoreError::Unusable(error.to_string()))
    }

    /// Lets an owner be so slow, at times, that another one takes over before it commits.
    async fn be_late(&self) {
        let late = self.late.as_ref().and_then(|dice| {
            let mut dice = dice.lock().expect("nobody panics with the dice in hand");
            (dice.u32(..LATE_COMMIT_ONE_IN) == 0).then(|| Duration::from_millis(dice.u64(LATE_COMMIT_MS)))
        });
        if let Some(late) = late.filter(|_| self.orders.is_work()) {
            self.orders.clone().pause(late).await;
        }
    }
}

#[async_trait]
impl Layer for Witness {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let op = self.next_op.fetch_add(1, Ordering::Relaxed);
        let parts = appends.iter().map(Part::of).collect();
        self.write(Line::Intent { op, at: now(), parts }).await?;
        let answer = self.below.append_all(appends).await;
        let outcome = outcome(&answer);
        self.write(Line::Outcome { op, at: now(), outcome }).await?;
        answer
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        let began = now();
        let page = self.below.read(stream, range).await?;
        let is_to_the_end = !page.more && range.up_to >= Version::new(i64::MAX as u64);
        if is_to_the_end && range.direction == Direction::Forwards {
            let ids = page.events.iter().map(|event| event.event_id).collect();
            let (stream, after) = (stream.clone(), range.after.value());
            self.write(Line::Read(StreamRead { stream, began, after, ids })).await?;
        }
        Ok(page)
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let granted = self.below.acquire(projection, lease).await?;
        if let Some(grant) = &granted {
            let granted = Granted {
                projection: projection.name().to_owned(),
                generation: grant.generation.value(),
                slices: (grant.slices.first(), grant.slices.end()),
                epoch: grant.epoch,
                from: grant.position().value(),
            };
            self.write(Line::Granted(granted)).await?;
        }
        Ok(granted)
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let grant = &commit.grant;
        let from = grant.position().value();
        let mut batch = Batch {
            projection: grant.projection.name().to_owned(),
            generation: grant.generation.value(),
            slices: (grant.slices.first(), grant.slices.end()),
            epoch: grant.epoch,
            from,
            to: commit.to.map_or(from, |to| to.position.value()),
            fate: BatchFate::Done,
        };
        self.be_late().await;
        let answer = self.below.commit(commit).await;
        batch.fate = match &answer {
            Ok(()) => BatchFate::Done,
            Err(CommitError::Fenced { .. }) => BatchFate::Fenced,
            Err(_) => BatchFate::Unknown,
        };
        if batch.from != batch.to || batch.fate == BatchFate::Fenced {
            self.write(Line::Committed(batch)).await?;
        }
        answer
    }
}

/// What an answer says of what is stored.
fn outcome(answer: &Result<Vec<Appended>, AppendError>) -> Outcome {
    match answer {
        Ok(appended) => Outcome::Ok(appended.iter().map(Answer::of).collect()),
        Err(AppendError::Conflict(conflict)) => Outcome::Refused(conflict.to_string()),
        Err(AppendError::Store(error @ StoreError::OutcomeUnknown { .. })) => Outcome::Unknown(chain(error)),
        Err(AppendError::Store(error @ StoreError::Unavailable { .. })) => Outcome::Refused(chain(error)),
        Err(AppendError::Store(error)) => Outcome::Unexpected(chain(error)),
    }
}

/// An error and its causes.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_connection_leaves_the_outcome_unknown() {
        let lost = StoreError::OutcomeUnknown { source: "reset".into() };
        let down = StoreError::Unavailable { reason: "down".into(), source: None };
        assert!(matches!(outcome(&Err(lost.into())), Outcome::Unknown(why) if why.ends_with(": reset")));
        assert!(matches!(outcome(&Err(down.into())), Outcome::Refused(_)));
        let damaged = StoreError::Corrupt("a page".into());
        assert!(matches!(outcome(&Err(damaged.into())), Outcome::Unexpected(_)));
        assert_eq!(outcome(&Ok(Vec::new())), Outcome::Ok(Vec::new()));
    }
}
