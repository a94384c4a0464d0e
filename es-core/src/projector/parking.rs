//! [`Parking`]: the dead letters of a target that has no keys.

use super::letters::{Letters, letter, retried};
use super::retry::NOT_YET;
use super::{BatchTarget, Comparison, NotApplied, ProjectorError, Target};
use crate::{
    CommitError, Cursor, Filter, Generation, Grant, LetterChange, LetterPlace, LetterQueue, OnFailure,
    Parked, Payload, Recorded, Store, StoreError,
};
use async_trait::async_trait;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::slice;
use std::sync::Arc;

/// Gives a target the events that are neither discarded nor wait, a batch at a time. Where that fails because of an event,
/// and the policy is not to halt, it gives them one by one: then the one that fails is known and becomes a dead letter, and
/// the later ones of its stream wait behind it.
pub struct Parking<T> {
    inner: T,
    letters: Letters,
}

impl<T: BatchTarget> Parking<T> {
    /// Does with what `inner` cannot take what `on_failure` says.
    pub fn new(inner: T, on_failure: OnFailure) -> Self {
        Self { inner, letters: Letters::new(on_failure) }
    }

    /// What of `events` is taken now, and the letters of those that wait.
    fn sort(&self, events: Vec<Recorded<Payload>>) -> (Vec<Recorded<Payload>>, Vec<Parked>) {
        if self.letters.is_empty() {
            return (events, Vec::new());
        }
        let (mut taken, mut waiting) = (Vec::new(), Vec::new());
        for event in events {
            match stance(&self.letters, &event) {
                Stance::Taken => taken.push(event),
                Stance::Waits(letter) => waiting.push(*letter),
                Stance::Discarded => (),
            }
        }
        (taken, waiting)
    }

    /// Each event in a transaction with a checkpoint of its own.
    async fn one_by_one(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let mut grant = grant.clone();
        for event in events {
            let done = Some(Cursor { position: event.position, event_id: event.event_id });
            let parked = take(&mut self.inner, &self.letters, &grant, &event, done, park).await?;
            self.letters.remember(parked.as_slice());
            grant.cursor = done;
        }
        if grant.cursor != Some(to) {
            self.inner.apply_with(&grant, Vec::new(), Some(to), Vec::new()).await?;
        }
        Ok(())
    }
}

/// What becomes of an event before it is tried.
enum Stance {
    Taken,
    Waits(Box<Parked>),
    Discarded,
}

fn stance(letters: &Letters, event: &Recorded<Payload>) -> Stance {
    let queue = LetterQueue::Stream(event.stream.clone());
    let place = LetterPlace { queue, position: event.position };
    if letters.is_discarded(&place) {
        Stance::Discarded
    } else if letters.is_parked(&place.queue) {
        Stance::Waits(Box::new(letter(event, place.queue, None)))
    } else {
        Stance::Taken
    }
}

/// Takes one event in a transaction of its own, whatever the policy, together with what `changes` does for the letter that
/// it becomes; gives that letter.
async fn take<T: BatchTarget>(
    inner: &mut T,
    letters: &Letters,
    grant: &Grant,
    event: &Recorded<Payload>,
    to: Option<Cursor>,
    changes: impl Fn(&[Parked]) -> Vec<LetterChange>,
) -> Result<Option<Parked>, ProjectorError> {
    let parked = match stance(letters, event) {
        Stance::Taken => match attempt(inner, grant, vec![event.clone()], to, changes(&[])).await {
            Ok(()) => return Ok(None),
            Err(NotApplied::ByStore(error)) => return Err(error),
            Err(failed) => {
                let cause = blamed(grant, event, failed).chain();
                Some(letter(event, LetterQueue::Stream(event.stream.clone()), Some(cause)))
            }
        },
        Stance::Waits(letter) => Some(*letter),
        Stance::Discarded => None,
    };
    inner.apply_with(grant, Vec::new(), to, changes(parked.as_slice())).await?;
    Ok(parked)
}

/// Code that panics is the fault of an event.
async fn attempt<T: BatchTarget>(
    inner: &mut T,
    grant: &Grant,
    events: Vec<Recorded<Payload>>,
    to: Option<Cursor>,
    letters: Vec<LetterChange>,
) -> Result<(), NotApplied> {
    let applied = AssertUnwindSafe(inner.apply_with(grant, events, to, letters)).catch_unwind().await;
    let panicked = || ProjectorError::Panicked(grant.projection.clone());
    applied.unwrap_or_else(|_| Err(NotApplied::ByEvent(panicked())))
}

/// The failure of what was tried with this event alone.
fn blamed(grant: &Grant, event: &Recorded<Payload>, failed: NotApplied) -> ProjectorError {
    match failed {
        NotApplied::ByValues { reason, .. } => ProjectorError::refused(&grant.projection, event, reason),
        NotApplied::ByEvent(ProjectorError::Panicked(projection)) => {
            ProjectorError::own_code(&projection, Some(event), "panicked".to_owned())
        }
        failed => failed.into(),
    }
}

fn park(parked: &[Parked]) -> Vec<LetterChange> {
    parked.iter().cloned().map(LetterChange::Park).collect()
}

#[async_trait]
impl<T: BatchTarget> Target for Parking<T> {
    fn store(&self) -> &Arc<dyn Store> {
        self.inner.store()
    }

    fn filter(&self) -> &Filter {
        self.inner.filter()
    }

    async fn begin(&mut self, grant: &Grant) -> Result<(), ProjectorError> {
        self.inner.begin(grant).await?;
        self.letters.load(&**self.inner.store(), grant).await
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let again = (self.letters.on_failure != OnFailure::Halt).then(|| events.clone());
        let (taken, waiting) = self.sort(events);
        let applied = attempt(&mut self.inner, grant, taken, Some(to), park(&waiting)).await;
        match (applied, again) {
            (Ok(()), _) => {
                self.letters.remember(&waiting);
                Ok(())
            }
            (Err(NotApplied::ByEvent(_) | NotApplied::ByValues { .. }), Some(events)) => {
                self.one_by_one(grant, events, to).await
            }
            (Err(failed), _) => Err(failed.into()),
        }
    }

    fn has_done_what_comes_before(&self) -> bool {
        self.inner.has_done_what_comes_before()
    }

    fn take_dead_letters(&mut self) -> u64 {
        self.letters.take_written()
    }

    fn on_failure(&self) -> OnFailure {
        self.letters.on_failure
    }

    /// One event after the other, until one fails.
    async fn retry(
        &mut self,
        grant: &Grant,
        queue: &LetterQueue,
        events: Vec<Recorded<Payload>>,
        mut next: Option<Parked>,
    ) -> Result<Vec<Parked>, ProjectorError> {
        let letters = self.letters.retrying(queue);
        let waits = letters.on_failure != OnFailure::Skip;
        let mut stand = Vec::new();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let behind = match events.peek() {
                Some(behind) => waits.then(|| letter(behind, queue.clone(), Some(NOT_YET.to_owned()))),
                None => next.take(),
            };
            let changes = |parked: &[Parked]| retried(queue, slice::from_ref(&event), parked, behind.clone());
            let parked = take(&mut self.inner, &letters, grant, &event, grant.cursor, changes).await?;
            let stands = parked.is_some();
            stand.extend(parked);
            if stands && waits {
                // They are there already.
                stand.extend(events.by_ref().map(|event| letter(&event, queue.clone(), None)));
            }
        }
        Ok(stand)
    }

    async fn renew(&self, grant: &Grant) -> Result<(), CommitError> {
        self.inner.renew(grant).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.inner.swap(grant).await
    }

    async fn compare(&self, live: &Generation, grant: &Grant) -> Result<Comparison, StoreError> {
        self.inner.compare(live, grant).await
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.inner.discard(grant).await
    }
}
