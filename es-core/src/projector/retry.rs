//! Taking dead letters once more, or doing without them.

use super::any::LOOK_INTERVAL;
use super::follow::Follower;
use super::{AnyProjector, ProjectorError, commit};
use crate::{
    Commit, DeadLetter, GenerationState, LetterChange, LetterPlace, LetterQueue, OnFailure, Parked, Payload,
    Position, Recorded, Shard, Slices, Store, StoreError, StreamRange, Version,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Why a letter is the first of its queue between two steps of a retry, and after a crash in between.
pub(crate) const NOT_YET: &str = "what it waited behind is gone, and it was not taken yet: retry it";

/// How many letters are taken at a time, at most.
const PAGE_LETTERS: usize = 500;
/// How often a stream is read for them, at most: between two of them the lease is renewed.
const PAGE_READS: usize = 50;
/// After how many bytes of their events no more are read.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What became of dead letters that were retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retried {
    /// Events that were taken at last.
    pub settled: u64,
    /// Letters of events that failed again, and stay.
    pub failed: u64,
    /// Letters that still wait behind those.
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
        let mut retried = Retried::default();
        let Some(live) = self.generation(GenerationState::Live).await? else { return Ok(retried) };
        let shards = match queue {
            Some(queue) => vec![shard_of(queue, live.shards)],
            None => Shard::all(live.shards).collect(),
        };
        for shard in shards {
            let shard = self.on(shard);
            let mut follower = shard.take_over().await?;
            let outcome = shard.retry_queues(&mut follower, queue).await;
            retried.add(shard.let_go(&follower, outcome).await?);
        }
        Ok(retried)
    }

    /// Does for ever without the event of a dead letter, also in every rebuild, and takes those that waited behind it. A
    /// rebuild that is under way is ended: begin it anew.
    ///
    /// # Errors
    /// [`ProjectorError::NoLetter`] where there is no such letter; others as in [`retry`](Self::retry).
    pub async fn discard_letter(&self, place: &LetterPlace, reason: &str) -> Result<Retried, ProjectorError> {
        let Some(live) = self.generation(GenerationState::Live).await? else {
            return Err(self.no_letter(place));
        };
        let shard = self.on(shard_of(&place.queue, live.shards));
        let mut follower = shard.take_over().await?;
        let outcome = shard.discard_and_go_on(&mut follower, place, reason).await;
        shard.let_go(&follower, outcome).await
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
        let before = Position::new(place.position.value().saturating_sub(1));
        let before = LetterPlace { queue: place.queue.clone(), position: before };
        if self.next_letter(follower, &before).await?.is_none_or(|letter| letter.place != *place) {
            return Err(self.no_letter(place));
        }
        let is_first = self.first(follower, &place.queue).await?.is_some_and(|first| first.place == *place);
        let next = self.next_letter(follower, place).await?;
        let next = next.filter(|next| is_first && next.place.queue == place.queue && next.cause.is_none());
        // A build that begins in between is ended afterwards.
        self.end_builds().await?;
        let discard = LetterChange::Discard { place: place.clone(), reason: reason.to_owned() };
        let next = next.as_ref().map(interrupted).map(LetterChange::Park);
        self.change(follower, [discard].into_iter().chain(next).collect()).await?;
        self.end_builds().await?;
        let first = self.first(follower, &place.queue).await?;
        if let Some(first) = first.as_ref().filter(|first| first.cause.is_none()) {
            self.change(follower, vec![LetterChange::Park(interrupted(first))]).await?;
        } else if first.is_none_or(|first| first.cause.as_deref() != Some(NOT_YET)) {
            // Nothing waited for it only.
            return Ok(Retried::default());
        }
        self.retry_queues(follower, Some(&place.queue)).await
    }

    /// The first letter of a queue.
    async fn first(
        &self,
        follower: &Follower,
        queue: &LetterQueue,
    ) -> Result<Option<DeadLetter>, ProjectorError> {
        let start = LetterPlace { queue: queue.clone(), position: Position::START };
        Ok(self.next_letter(follower, &start).await?.filter(|letter| letter.place.queue == *queue))
    }

    async fn next_letter(
        &self,
        follower: &Follower,
        after: &LetterPlace,
    ) -> Result<Option<DeadLetter>, ProjectorError> {
        let found = self.store.letters(follower.grant.generation, Some(after), 1).await;
        Ok(found.map_err(|source| self.cannot_go_on(source))?.into_iter().next())
    }

    async fn change(&self, follower: &Follower, letters: Vec<LetterChange>) -> Result<(), ProjectorError> {
        let grant = follower.grant.clone();
        commit(&self.store, Commit { letters, ..Commit::new(grant.clone(), grant.cursor) }).await
    }

    /// A build that has begun without knowing of the discard, and may be past it, is dropped.
    async fn end_builds(&self) -> Result<(), ProjectorError> {
        while let Some(building) = self.generation(GenerationState::Building).await? {
            let shard = self.on(Shard::with(0, building.shards));
            // It may have been divided in another way in between.
            let Some(grant) = shard.grant_taken_over(GenerationState::Building).await? else {
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            let dropped = self.target().discard(&grant).await;
            dropped.map_err(|error| ProjectorError::commit(self.projection(), error))?;
        }
        Ok(())
    }

    fn no_letter(&self, place: &LetterPlace) -> ProjectorError {
        ProjectorError::NoLetter { projection: self.projection().clone(), place: place.clone() }
    }

    /// Takes the lease from whoever has it.
    async fn take_over(&self) -> Result<Follower, ProjectorError> {
        loop {
            match self.grant_taken_over(GenerationState::Live).await? {
                Some(grant) if grant.until.is_some() => self.follow_part(self.begin(grant).await?).await?,
                Some(grant) => return self.begin(grant).await,
                None => {
                    let live = self.generation(GenerationState::Live).await?;
                    if live.is_some_and(|live| live.paused) {
                        return Err(ProjectorError::Paused(self.projection().clone()));
                    }
                    let reason = "it was divided in another way meanwhile: repeat it".to_owned();
                    return Err(
                        self.cannot_go_on(StoreError::Unavailable { reason: reason.into(), source: None })
                    );
                }
            }
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
        let slices = follower.grant.slices;
        for queue in queues.into_iter().filter(|queue| is_of(queue, slices)) {
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
        let mut after = LetterPlace { queue: queue.clone(), position: Position::START };
        let mut blocked = false;
        loop {
            let page = self.store.letters(generation, Some(&after), PAGE_LETTERS + 1).await;
            let page = page.map_err(|source| self.cannot_go_on(source))?;
            let mut letters: Vec<_> =
                page.into_iter().take_while(|letter| letter.place.queue == *queue).collect();
            if letters.is_empty() {
                return Ok(());
            }
            follower.renew().await?;
            if blocked {
                letters.truncate(PAGE_LETTERS);
                retried.waiting += letters.len() as u64;
            } else {
                let events = events_of(&self.store, &letters).await;
                let events = events.map_err(|source| self.cannot_go_on(source))?;
                let next = letters.get(events.len()).filter(|next| next.cause.is_none()).map(interrupted);
                letters.truncate(events.len());
                let stand = follower.target.retry(&follower.grant, queue, events, next).await?;
                blocked = retried.count(queue, letters.len(), &stand)
                    && follower.target.on_failure() != OnFailure::Skip;
            }
            if let Some(last) = letters.pop() {
                after = last.place;
            }
        }
    }
}

impl Retried {
    fn add(&mut self, other: Self) {
        self.settled += other.settled;
        self.failed += other.failed;
        self.waiting += other.waiting;
    }

    /// Counts what became of so many letters when these still stand, or stand anew in another queue; says whether one
    /// still stands in this one.
    fn count(&mut self, queue: &LetterQueue, letters: usize, stand: &[Parked]) -> bool {
        let failed = stand.iter().filter(|letter| letter.cause.is_some()).count();
        let moved: HashSet<_> = stand.iter().map(|letter| letter.place.position).collect();
        self.failed += failed as u64;
        self.waiting += (stand.len() - failed) as u64;
        self.settled += letters.saturating_sub(moved.len()) as u64;
        stand.iter().any(|letter| letter.place.queue == *queue)
    }
}

/// The shard that a queue belongs to. Where there are several, no stream waits in any.
fn shard_of(queue: &LetterQueue, shards: u16) -> Shard {
    match queue {
        LetterQueue::Key(key) => Shard::with(Slices::of_key(key), shards),
        LetterQueue::Stream(_) => Shard::with(0, shards),
    }
}

/// Whether a queue belongs to what has these slices.
fn is_of(queue: &LetterQueue, slices: Slices) -> bool {
    match queue {
        LetterQueue::Key(key) => slices.contains(Slices::of_key(key)),
        LetterQueue::Stream(_) => slices.contains(0),
    }
}

/// One that waited behind what is gone. The first letter of a queue always has a cause, so that somebody sees that it
/// stands still.
fn interrupted(letter: &DeadLetter) -> Parked {
    Parked {
        place: letter.place.clone(),
        stream: letter.stream.clone(),
        version: letter.version,
        name: letter.name.clone(),
        cause: Some(NOT_YET.to_owned()),
    }
}

/// The events of the first of some letters, in the order of their positions: a page of a stream at a time, and not more
/// than a lease has time for, or memory.
async fn events_of(
    store: &Arc<dyn Store>,
    letters: &[DeadLetter],
) -> Result<Vec<Recorded<Payload>>, StoreError> {
    let letters = &letters[..letters.len().min(PAGE_LETTERS)];
    let mut events: Vec<Recorded<Payload>> = Vec::with_capacity(letters.len());
    let (mut reads, mut bytes) = (0, 0);
    while let Some(next) = letters.get(events.len())
        && reads < PAGE_READS
        && bytes < PAGE_BYTES
    {
        let before = Version::new(next.version.value().saturating_sub(1));
        let rest = letters[events.len()..].iter().take_while(|letter| letter.stream == next.stream);
        let page = store.read(&next.stream, StreamRange::after(before).limit(rest.count())).await?;
        reads += 1;
        let found = events.len();
        for event in page.events {
            let wanted = letters.get(events.len());
            if wanted.is_some_and(|letter| letter.stream == event.stream && letter.version == event.version) {
                bytes += event.data.as_bytes().len();
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
