//! [`Build`]: one generation.

use crate::letters::LetterBox;
use es_core::{
    Checkpoint, Cursor, Failure, Generation, GenerationId, GenerationState, Halt, Lease, ProjectionId, Shard,
    Slices, StoreError,
};
use std::collections::BTreeMap;
use std::time::Instant;
use uuid::Uuid;

/// One generation, and its views.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) projection: ProjectionId,
    pub(crate) state: GenerationState,
    pub(crate) shards: u16,
    /// By their first slice; each has the slices up to the next one.
    pub(crate) places: BTreeMap<u16, Place>,
    pub(crate) paused: bool,
    /// Strings are ordered by their bytes.
    pub(crate) views: BTreeMap<String, String>,
    pub(crate) letters: LetterBox,
}

/// Where some slices are, and who may move them on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) cursor: Option<Cursor>,
    pub(crate) epoch: i64,
    pub(crate) lease: Option<HeldLease>,
    pub(crate) halt: Option<Halt>,
    pub(crate) failure: Option<Failure>,
}

/// A lease counts from when it was last renewed, by a clock that never jumps.
#[derive(Debug, Clone)]
pub(crate) struct HeldLease {
    lease: Lease,
    renewed: Instant,
}

impl Build {
    pub(crate) fn divide(&mut self, count: u16) -> Result<(), StoreError> {
        let count = count.clamp(1, Slices::COUNT);
        if count == self.shards {
            return Ok(());
        }
        if count > 1 && self.letters.has_streams() {
            return Err(Shard::streams_wait(&self.projection));
        }
        for shard in Shard::all(count) {
            let first = shard.slices().first();
            let whole = self.places.range(..=first).next_back().map(|(_, place)| place.clone());
            self.places.entry(first).or_insert_with(|| whole.unwrap_or_default());
        }
        self.shards = count;
        self.end_grants();
        Ok(())
    }

    /// Makes one checkpoint of those that begin with these slices, and gives its first slice.
    pub(crate) fn merge(&mut self, parts: &[u16]) -> u16 {
        let gone: Vec<_> = parts[1..].iter().filter_map(|first| self.places.remove(first)).collect();
        if let Some(place) = self.places.get_mut(&parts[0]) {
            for part in gone {
                // Later than any that was granted for what it has now.
                place.epoch = place.epoch.max(part.epoch);
                place.failure = place.failure.take().into_iter().chain(part.failure).max_by_key(|one| one.at);
            }
        }
        parts[0]
    }

    /// The slices of the checkpoint that begins with this one.
    pub(crate) fn slices(&self, first: u16) -> Slices {
        let end = self.places.range(first + 1..).next().map_or(Slices::COUNT, |(next, _)| *next);
        Slices::new(first, end).unwrap_or(Slices::ALL)
    }

    /// Whatever was granted before is over.
    pub(crate) fn become_state(&mut self, state: GenerationState) {
        self.state = state;
        self.end_grants();
    }

    /// A checkpoint that is taken out and put in again has a later epoch than before: all have the same one here.
    pub(crate) fn end_grants(&mut self) {
        let epoch = self.places.values().map(|place| place.epoch).max().unwrap_or_default() + 1;
        for place in self.places.values_mut() {
            place.epoch = epoch;
            place.lease = None;
        }
    }

    pub(crate) fn forget_halts(&mut self) {
        for place in self.places.values_mut() {
            place.halt = None;
        }
    }

    pub(crate) fn describe(&self, id: GenerationId) -> Generation {
        let checkpoint = |(first, place): (&u16, &Place)| Checkpoint {
            slices: self.slices(*first),
            cursor: place.cursor,
            epoch: place.epoch,
            owner: place.owner(),
            halt: place.halt.clone(),
            failure: place.failure.clone(),
        };
        Generation {
            id,
            projection: self.projection.clone(),
            state: self.state,
            shards: self.shards,
            checkpoints: self.places.iter().map(checkpoint).collect(),
            paused: self.paused,
            dead_letters: self.letters.failed(),
        }
    }
}

impl Place {
    /// Who holds the lease now.
    pub(crate) fn owner(&self) -> Option<Uuid> {
        self.lease.as_ref().filter(|held| held.is_running()).map(|held| held.lease.owner)
    }
}

impl HeldLease {
    pub(crate) fn from_now(lease: Lease) -> Self {
        Self { lease, renewed: Instant::now() }
    }

    fn is_running(&self) -> bool {
        self.renewed.elapsed() < self.lease.duration
    }
}
