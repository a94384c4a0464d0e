//! The target of a [`Reactor`]: one event at a time.

use super::{ReactError, Reactor};
use crate::projector::commit;
use crate::projector::letters::{Letters, letter, retried};
use crate::projector::retry::NOT_YET;
use crate::{
    BackendError, Commit, Cursor, Filter, Grant, LetterChange, LetterPlace, LetterQueue, OnFailure, Parked,
    Payload, ProjectorError, Recorded, Store, Target,
};
use async_trait::async_trait;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Gives a reactor its events, and moves the checkpoint behind each of them, so that after a crash one is repeated and
/// no more.
pub(crate) struct ReactorTarget<R> {
    store: Arc<dyn Store>,
    reactor: Arc<R>,
    filter: Filter,
    letters: Letters,
}

impl<R: Reactor> ReactorTarget<R> {
    pub(crate) fn new(store: Arc<dyn Store>, reactor: Arc<R>) -> Self {
        Self { store, reactor, filter: R::filter(), letters: Letters::new(R::ON_FAILURE) }
    }

    /// Reacts to one event. Meanwhile the lease is renewed; once it is lost the reaction is dropped.
    async fn react(&self, grant: &Grant, event: Recorded<Payload>) -> Result<(), ProjectorError> {
        let (stream, version, position) = (event.stream.clone(), event.version, event.position);
        let failed = |transient, source: BackendError| ProjectorError::Reaction {
            reactor: grant.projection.clone(),
            stream: stream.clone(),
            version,
            position,
            transient,
            source,
        };
        let reaction = AssertUnwindSafe(async {
            let event = event.decode::<R::Event>();
            let event = event.map_err(|source| ProjectorError::undecodable(&grant.projection, source))?;
            let reacted = self.reactor.react(&event).await;
            reacted.map_err(|error| match error {
                ReactError::TryAgain(source) => failed(true, source),
                ReactError::GiveUp(source) => failed(false, source),
            })
        });
        let renewals = async {
            loop {
                tokio::time::sleep(grant.lease.duration / 3).await;
                if let Err(error) = commit(&self.store, Commit::new(grant.clone(), grant.cursor)).await {
                    break error;
                }
            }
        };
        tokio::select! {
            reacted = tokio::time::timeout(R::TIME_LIMIT, reaction.catch_unwind()) => match reacted {
                Ok(Ok(reacted)) => reacted,
                Ok(Err(_)) => Err(failed(false, "its code panicked".into())),
                Err(_) => Err(failed(true, format!("it has not come back after {:?}", R::TIME_LIMIT).into())),
            },
            lost = renewals => Err(lost),
        }
    }

    /// Reacts to one event, unless it is discarded or waits behind a dead letter; gives the letter that it becomes.
    async fn take(
        &self,
        grant: &Grant,
        letters: &Letters,
        event: Recorded<Payload>,
    ) -> Result<Option<Parked>, ProjectorError> {
        let queue = LetterQueue::Stream(event.stream.clone());
        let place = LetterPlace { queue, position: event.position };
        if letters.is_discarded(&place) {
            return Ok(None);
        }
        if letters.is_parked(&place.queue) {
            return Ok(Some(letter(&event, place.queue, None)));
        }
        match self.react(grant, event.clone()).await {
            Ok(()) => Ok(None),
            Err(error) if is_final(&error) && letters.on_failure != OnFailure::Halt => {
                Ok(Some(letter(&event, place.queue, Some(error.chain()))))
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether it is this event that nothing can be done with.
fn is_final(error: &ProjectorError) -> bool {
    matches!(error, ProjectorError::Undecodable { .. } | ProjectorError::Reaction { transient: false, .. })
}

#[async_trait]
impl<R: Reactor> Target for ReactorTarget<R> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn begin(&mut self, grant: &Grant) -> Result<(), ProjectorError> {
        self.letters.load(&*self.store, grant).await
    }

    fn has_done_what_comes_before(&self) -> bool {
        true
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let mut grant = grant.clone();
        for event in events {
            let done = Cursor { position: event.position, event_id: event.event_id };
            let parked = self.take(&grant, &self.letters, event).await?;
            let letters = parked.iter().cloned().map(LetterChange::Park).collect();
            commit(&self.store, Commit { letters, ..Commit::new(grant.clone(), Some(done)) }).await?;
            self.letters.remember(parked.as_slice());
            grant.cursor = Some(done);
        }
        if grant.cursor != Some(to) {
            commit(&self.store, Commit::new(grant, Some(to))).await?;
        }
        Ok(())
    }

    fn take_dead_letters(&mut self) -> u64 {
        self.letters.take_written()
    }

    fn on_failure(&self) -> OnFailure {
        R::ON_FAILURE
    }

    /// One event after the other, until one fails. What fails for a while counts as failed, too: a person is waiting.
    async fn retry(
        &mut self,
        grant: &Grant,
        queue: &LetterQueue,
        events: Vec<Recorded<Payload>>,
        mut next: Option<Parked>,
    ) -> Result<Vec<Parked>, ProjectorError> {
        let letters = self.letters.retrying(queue);
        let mut stand = Vec::new();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let parked = match self.take(grant, &letters, event.clone()).await {
                Err(error @ ProjectorError::Reaction { .. }) => {
                    Some(letter(&event, queue.clone(), Some(error.chain())))
                }
                taken => taken?,
            };
            let waits = letters.on_failure != OnFailure::Skip;
            let behind = match events.peek() {
                Some(behind) => waits.then(|| letter(behind, queue.clone(), Some(NOT_YET.to_owned()))),
                None => next.take(),
            };
            let letters = retried(queue, &[event], parked.as_slice(), behind);
            commit(&self.store, Commit { letters, ..Commit::new(grant.clone(), grant.cursor) }).await?;
            let stands = parked.is_some();
            stand.extend(parked);
            if stands && waits {
                // They are there already.
                stand.extend(events.by_ref().map(|event| letter(&event, queue.clone(), None)));
            }
        }
        Ok(stand)
    }
}
