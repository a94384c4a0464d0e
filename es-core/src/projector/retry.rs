//! Taking dead letters once more, or doing without them.

use super::follow::Follower;
use super::{AnyProjector, ProjectorError};
use crate::{
    Commit, DeadLetter, LetterChange, LetterPlace, LetterQueue, OnFailure, Payload, Position, Recorded,
    Store, StoreError, StreamRange,
};
use std::sync::Arc;

/// How many letters are taken at a time.
const PAGE_LETTERS: usize = 500;

/// What became of dead letters that were retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retried {
    /// Events that were taken at last.
    pub settled: u64,
    /// Events that failed again, and stay.
    pub failed: u64,
    /// Events that still wait behind those.
    pub waiting: u64,
}

impl AnyProjector {
    /// Takes the dead letters of one queue once more, or those of all, each queue in its order: where one fails again,
    /// those behind it go on waiting. It takes the lease over for that, and gives it back. Each letter is settled in one
    /// transaction with the views it changes, so once, however often it is asked for.
    ///
    /// # Errors
    /// [`ProjectorError::Paused`] where it is paused; others as in [`Projector::catch_up`](super::Projector::catch_up).
    pub async fn retry(&self, queue: Option<&LetterQueue>) -> Result<Retried, ProjectorError> {
        let mut follower = self.take_over().await?;
        let outcome = self.retry_queues(&mut follower, queue).await;
        self.let_go(&follower, outcome).await
    }

    /// Does for ever without the event of a dead letter, also in every rebuild, and takes those that waited behind it.
    ///
    /// # Errors
    /// [`ProjectorError::NoLetter`] where there is no such letter; others as in [`retry`](Self::retry).
    pub async fn discard_letter(&self, place: &LetterPlace, reason: &str) -> Result<Retried, ProjectorError> {
        let mut follower = self.take_over().await?;
        let outcome = self.discard_and_go_on(&mut follower, place, reason).await;
        self.let_go(&follower, outcome).await
    }

    /// Gives the lease back. A letter that is not there is no reason to halt.
    async fn let_go(
        &self,
        follower: &Follower,
        outcome: Result<Retried, ProjectorError>,
    ) -> Result<Retried, ProjectorError> {
        match outcome {
            Err(error) if !matches!(error, ProjectorError::NoLetter { .. }) => {
                self.release(&follower.grant, Err(error)).await.map(|()| Retried::default())
            }
            outcome => self.release(&follower.grant, Ok(())).await.and(outcome),
        }
    }

    async fn discard_and_go_on(
        &self,
        follower: &mut Follower,
        place: &LetterPlace,
        reason: &str,
    ) -> Result<Retried, ProjectorError> {
        let before = LetterPlace { queue: place.queue.clone(), position: before(place.position) };
        let found = self.store.letters(follower.grant.generation, Some(&before), 1).await;
        let found = found.map_err(|source| self.cannot_go_on(source))?;
        if found.first().is_none_or(|letter| letter.place != *place) {
            let projection = self.projection().clone();
            return Err(ProjectorError::NoLetter { projection, place: place.clone() });
        }
        let discard = LetterChange::Discard { place: place.clone(), reason: reason.to_owned() };
        let mut commit = Commit::new(follower.grant.clone(), follower.grant.cursor);
        commit.letters.push(discard);
        let discarded = self.store.commit(commit).await;
        discarded.map_err(|error| ProjectorError::commit(self.projection(), error))?;
        match follower.target.on_failure() {
            // Nothing waits behind it.
            OnFailure::Skip => Ok(Retried::default()),
            _ => self.retry_queues(follower, Some(&place.queue)).await,
        }
    }

    /// Takes the lease from whoever has it.
    async fn take_over(&self) -> Result<Follower, ProjectorError> {
        match self.grant_taken_over().await? {
            Some(grant) => self.begin(grant).await,
            None => Err(ProjectorError::Paused(self.projection().clone())),
        }
    }

    async fn retry_queues(
        &self,
        follower: &mut Follower,
        queue: Option<&LetterQueue>,
    ) -> Result<Retried, ProjectorError> {
        let queues = match queue {
            Some(queue) => vec![queue.clone()],
            None => {
                let queues = self.store.queues(follower.grant.generation).await;
                queues.map_err(|source| self.cannot_go_on(source))?
            }
        };
        let mut retried = Retried::default();
        for queue in queues {
            self.retry_queue(follower, &queue, &mut retried).await?;
        }
        Ok(retried)
    }

    async fn retry_queue(
        &self,
        follower: &mut Follower,
        queue: &LetterQueue,
        retried: &mut Retried,
    ) -> Result<(), ProjectorError> {
        let generation = follower.grant.generation;
        let (mut after, mut blocked) =
            (LetterPlace { queue: queue.clone(), position: Position::START }, false);
        loop {
            let page = self.store.letters(generation, Some(&after), PAGE_LETTERS).await;
            let page = page.map_err(|source| self.cannot_go_on(source))?;
            let letters: Vec<_> =
                page.into_iter().take_while(|letter| letter.place.queue == *queue).collect();
            let Some(last) = letters.last() else { return Ok(()) };
            after = last.place.clone();
            if blocked {
                retried.waiting += letters.len() as u64;
                continue;
            }
            let events = events_of(&self.store, &letters).await;
            let events = events.map_err(|source| self.cannot_go_on(source))?;
            let stand = follower.target.retry(&follower.grant, queue, events).await?;
            let here: Vec<_> = stand.iter().filter(|letter| letter.place.queue == *queue).collect();
            let failed = here.iter().filter(|letter| letter.cause.is_some()).count();
            retried.failed += failed as u64;
            retried.waiting += (here.len() - failed) as u64;
            retried.settled += (letters.len() - here.len()) as u64;
            blocked = !here.is_empty() && follower.target.on_failure() != OnFailure::Skip;
        }
    }
}

/// The events of letters, which are in the order of their positions: a page of a stream at a time.
async fn events_of(
    store: &Arc<dyn Store>,
    letters: &[DeadLetter],
) -> Result<Vec<Recorded<Payload>>, StoreError> {
    let mut events: Vec<Recorded<Payload>> = Vec::with_capacity(letters.len());
    while let Some(next) = letters.get(events.len()) {
        let before = crate::Version::new(next.version.value().saturating_sub(1));
        let rest = letters[events.len()..].iter().take_while(|letter| letter.stream == next.stream);
        let page = store.read(&next.stream, StreamRange::after(before).limit(rest.count())).await?;
        let found = events.len();
        for event in page.events {
            let wanted = letters.get(events.len());
            if wanted.is_some_and(|letter| letter.stream == event.stream && letter.version == event.version) {
                events.push(event);
            }
        }
        if events.len() == found {
            let DeadLetter { stream, version, .. } = next;
            return Err(StoreError::Unusable(format!(
                "version {version} of stream `{stream}` is a dead letter and is not in the log"
            )));
        }
    }
    Ok(events)
}

fn before(position: Position) -> Position {
    Position::new(position.value().saturating_sub(1))
}
