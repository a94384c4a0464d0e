//! [`DeadLetterStore`] for [`MemoryStore`], and [`LetterBox`].

use crate::store::MemoryStore;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use es_core::{
    DeadLetter, DeadLetterStore, Discarded, GenerationId, LetterChange, LetterPlace, LetterQueue, Parked,
    ProjectionId, StoreError,
};
use std::collections::BTreeMap;
use std::ops::Bound;

/// The dead letters of one generation, by queue and position.
#[derive(Debug, Default)]
pub(crate) struct LetterBox(BTreeMap<LetterPlace, DeadLetter>);

impl LetterBox {
    /// Makes the changes, and gives what was discarded.
    pub(crate) fn change(&mut self, changes: Vec<LetterChange>, now: DateTime<Utc>) -> Vec<Discarded> {
        let mut discarded = Vec::new();
        for change in changes {
            match change {
                LetterChange::Park(parked) => self.park(parked, now),
                LetterChange::Settle(place) => drop(self.0.remove(&place)),
                LetterChange::Discard { place, reason } => {
                    self.0.remove(&place);
                    discarded.push(Discarded { place, reason, at: now });
                }
            }
        }
        discarded
    }

    fn park(&mut self, parked: Parked, now: DateTime<Utc>) {
        let Parked { place, stream, version, name, cause } = parked;
        let letter = self.0.entry(place.clone()).or_insert_with(|| DeadLetter {
            place,
            stream,
            version,
            name,
            cause: None,
            attempts: 0,
            first_at: now,
            last_at: now,
        });
        if cause.is_some() {
            letter.cause = cause;
            letter.attempts += 1;
            letter.last_at = now;
        }
    }

    /// Whether one waits in the line of a stream.
    pub(crate) fn has_streams(&self) -> bool {
        self.0.keys().any(|place| matches!(place.queue, LetterQueue::Stream(_)))
    }

    /// Those that do not just wait.
    pub(crate) fn failed(&self) -> u64 {
        self.0.values().filter(|letter| letter.cause.is_some()).count() as u64
    }
}

#[async_trait]
impl DeadLetterStore for MemoryStore {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let state = self.lock();
        let Some(build) = state.builds.by_id.get(&generation) else { return Ok(Vec::new()) };
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let letters = build.letters.0.range::<LetterPlace, _>((begin, Bound::Unbounded));
        Ok(letters.take(limit.max(1)).map(|(_, letter)| letter.clone()).collect())
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        let state = self.lock();
        let letters =
            state.builds.by_id.get(&generation).into_iter().flat_map(|build| build.letters.0.keys());
        let mut queues: Vec<_> = letters.map(|place| place.queue.clone()).collect();
        queues.dedup();
        Ok(queues)
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        let state = self.lock();
        let discarded = state.builds.discarded.get(projection);
        Ok(discarded.into_iter().flat_map(|known| known.values().cloned()).collect())
    }
}
