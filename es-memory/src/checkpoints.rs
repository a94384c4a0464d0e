//! [`CheckpointStore`] for [`MemoryStore`]: who may move a checkpoint, and where it is.

use crate::build::{Build, HeldLease, Place};
use crate::letters::LetterBox;
use crate::store::{MemoryStore, State};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use es_core::{
    CheckpointStore, Claim, Commit, CommitError, Cursor, Discarded, Failure, Generation, GenerationId,
    GenerationState, Grant, Halt, Lease, LetterPlace, Position, ProjectionId, Shard, StoreError,
};
use std::collections::BTreeMap;

#[cfg(test)]
mod tests;

/// All generations of all projections.
#[derive(Debug, Default)]
pub(crate) struct Builds {
    pub(crate) by_id: BTreeMap<GenerationId, Build>,
    /// The last number that a generation was given.
    numbered: i64,
    /// Also of generations that are gone.
    pub(crate) discarded: BTreeMap<ProjectionId, BTreeMap<LetterPlace, Discarded>>,
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        Ok(self.lock().builds.acquire(projection, lease))
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let now = self.now();
        self.lock().builds.commit(commit, now)
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        self.lock().builds.release(grant, halt);
        Ok(())
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        let failure = Failure { cause: cause.to_owned(), at: self.now() };
        self.lock().builds.failed(grant, failure);
        Ok(())
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let State { log, builds, .. } = &mut *self.lock();
        builds.swap(grant, |cursor| {
            log.rows.get(&cursor.position).is_some_and(|row| row.event_id == cursor.event_id)
        })
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.lock().builds.discard(grant)
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        let builds = &mut self.lock().builds;
        let found = builds.find(projection, state).and_then(|id| builds.by_id.get_mut(&id));
        found.map_or(Ok(false), |build| build.divide(count).map(|()| true))
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        Ok(self.lock().builds.pause(projection))
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        Ok(self.lock().builds.resume(projection))
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        Ok(self.lock().builds.roll_back(projection))
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        let builds = &mut self.lock().builds;
        let found = builds.find(projection, state);
        Ok(found.is_some_and(|id| builds.by_id.remove(&id).is_some()))
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        Ok(self.lock().builds.list())
    }
}

impl Builds {
    fn acquire(&mut self, projection: &ProjectionId, lease: Lease) -> Option<Grant> {
        if lease.of == GenerationState::Kept {
            return None;
        }
        let generation = self.find(projection, lease.of).unwrap_or_else(|| self.add(projection, lease));
        let build = self.by_id.get_mut(&generation)?;
        if build.paused || build.shards != lease.shard.of() {
            return None;
        }
        let slices = lease.shard.slices();
        let parts: Vec<u16> =
            build.places.range(slices.first()..slices.end()).map(|(first, _)| *first).collect();
        let is_anothers = |first: &u16| build.places[first].owner().is_some_and(|owner| owner != lease.owner);
        if !lease.takes_over && parts.iter().any(is_anothers) {
            return None;
        }
        let cursors: Vec<_> = parts.iter().map(|first| build.places[first].cursor).collect();
        let (first, until) = match Shard::claim(&cursors) {
            Claim::Whole => (build.merge(&parts), None),
            Claim::Part(index, until) => (parts[index], until),
        };
        let slices = build.slices(first);
        let place = build.places.get_mut(&first)?;
        place.epoch += 1;
        place.lease = Some(HeldLease::from_now(lease));
        if !lease.takes_over {
            place.halt = None;
        }
        let (projection, epoch, cursor) = (projection.clone(), place.epoch, place.cursor);
        Some(Grant { projection, generation, slices, epoch, lease, cursor, until })
    }

    fn commit(&mut self, commit: Commit, now: DateTime<Utc>) -> Result<(), CommitError> {
        let Commit { grant, to, writes, letters } = commit;
        let (build, first) = self.granted(&grant)?;
        let place = build.places.get_mut(&first).ok_or_else(|| grant.fenced())?;
        let forwards = to == grant.cursor || position(to) > grant.position();
        if place.cursor != grant.cursor || !forwards {
            return Err(grant.fenced());
        }
        place.cursor = to;
        place.lease = Some(HeldLease::from_now(grant.lease));
        for write in writes {
            match write.view {
                Some(view) => build.views.insert(write.key, view),
                None => build.views.remove(&write.key),
            };
        }
        let discarded = build.letters.change(letters, now);
        let known = self.discarded.entry(grant.projection).or_default();
        for letter in discarded {
            known.entry(letter.place.clone()).or_insert(letter);
        }
        Ok(())
    }

    fn release(&mut self, grant: &Grant, halt: Option<Halt>) {
        // A lease that is another's, or was given back before, is left alone, and so is its halt.
        if let Ok((build, first)) = self.granted(grant)
            && let Some(place) = build.places.get_mut(&first)
            && place.lease.take().is_some()
            && (halt.is_some() || !grant.lease.takes_over)
        {
            place.halt = halt;
        }
    }

    fn failed(&mut self, grant: &Grant, failure: Failure) {
        if let Ok((build, first)) = self.granted(grant)
            && let Some(place) = build.places.get_mut(&first)
        {
            place.failure = Some(failure);
        }
    }

    /// A live one whose last row is not in the log is of another history, and how far it has read means nothing.
    fn swap(&mut self, grant: &Grant, in_the_log: impl Fn(&Cursor) -> bool) -> Result<(), CommitError> {
        let building = self.building(grant)?;
        if building.places.values().any(|place| place.cursor != grant.cursor) {
            return Err(grant.fenced());
        }
        let (mut paused, mut shards) = (false, 1);
        let built =
            building.places.values().map(|place| position(place.cursor)).min().unwrap_or(Position::START);
        if let Some(id) = self.find(&grant.projection, GenerationState::Live) {
            let cursors = self.by_id[&id].places.values().map(|place| place.cursor.filter(&in_the_log));
            let live = cursors.map(position).max().unwrap_or(Position::START);
            if live > built {
                return Err(CommitError::Behind { live });
            }
            if let Some(kept) = self.find(&grant.projection, GenerationState::Kept) {
                self.by_id.remove(&kept);
            }
            if let Some(replaced) = self.by_id.get_mut(&id) {
                replaced.become_state(GenerationState::Kept);
                (paused, shards) = (std::mem::take(&mut replaced.paused), replaced.shards);
            }
        }
        let build = self.building(grant)?;
        build.become_state(GenerationState::Live);
        build.paused = paused;
        // Where a stream waits it stays in one.
        let _ = build.divide(shards);
        Ok(())
    }

    fn roll_back(&mut self, projection: &ProjectionId) -> bool {
        let Some(kept) = self.find(projection, GenerationState::Kept) else { return false };
        let live = self.find(projection, GenerationState::Live);
        let mut paused = false;
        if let Some(live) = live.and_then(|live| self.by_id.get_mut(&live)) {
            paused = std::mem::take(&mut live.paused);
            live.become_state(GenerationState::Kept);
        }
        if let Some(kept) = self.by_id.get_mut(&kept) {
            kept.become_state(GenerationState::Live);
            kept.paused = paused;
            kept.forget_halts();
        }
        true
    }

    fn discard(&mut self, grant: &Grant) -> Result<(), CommitError> {
        self.building(grant)?;
        self.by_id.remove(&grant.generation);
        Ok(())
    }

    fn pause(&mut self, projection: &ProjectionId) -> bool {
        let Some(build) = self.live_mut(projection) else { return false };
        build.end_grants();
        build.paused = true;
        true
    }

    fn resume(&mut self, projection: &ProjectionId) -> bool {
        let Some(build) = self.live_mut(projection) else { return false };
        build.forget_halts();
        build.paused = false;
        true
    }

    fn list(&self) -> Vec<Generation> {
        let mut generations: Vec<_> = self.by_id.iter().map(|(id, build)| build.describe(*id)).collect();
        generations.sort_by_cached_key(|generation| {
            let rank = match generation.state {
                GenerationState::Live => 0,
                GenerationState::Kept => 1,
                GenerationState::Building => 2,
            };
            (generation.projection.clone(), rank)
        });
        generations
    }

    pub(crate) fn live(&self, projection: &ProjectionId) -> Option<&Build> {
        self.by_id.get(&self.find(projection, GenerationState::Live)?)
    }

    fn live_mut(&mut self, projection: &ProjectionId) -> Option<&mut Build> {
        self.by_id.get_mut(&self.find(projection, GenerationState::Live)?)
    }

    fn find(&self, projection: &ProjectionId, state: GenerationState) -> Option<GenerationId> {
        let mut builds = self.by_id.iter();
        builds.find(|(_, build)| build.projection == *projection && build.state == state).map(|(id, _)| *id)
    }

    fn add(&mut self, projection: &ProjectionId, lease: Lease) -> GenerationId {
        self.numbered += 1;
        let id = GenerationId::new(self.numbered);
        let place = Place { cursor: lease.begin, ..Place::default() };
        let build = Build {
            projection: projection.clone(),
            state: lease.of,
            shards: lease.shard.of(),
            places: Shard::all(lease.shard.of())
                .map(|shard| (shard.slices().first(), place.clone()))
                .collect(),
            paused: false,
            views: BTreeMap::new(),
            letters: LetterBox::default(),
        };
        self.by_id.insert(id, build);
        id
    }

    /// The generation that `grant` was given for, and the first slice of its checkpoint, as long as nobody was given a
    /// later one and it is still what it was: a swap ends the grants of both generations.
    fn granted(&mut self, grant: &Grant) -> Result<(&mut Build, u16), CommitError> {
        let first = grant.slices.first();
        let is_granted = |build: &Build| {
            build.state == grant.lease.of
                && build.places.get(&first).is_some_and(|place| place.epoch == grant.epoch)
        };
        let build = self.by_id.get_mut(&grant.generation).filter(|build| is_granted(build));
        build.map(|build| (build, first)).ok_or_else(|| grant.fenced())
    }

    fn building(&mut self, grant: &Grant) -> Result<&mut Build, CommitError> {
        let (build, _) = self.granted(grant)?;
        if build.state == GenerationState::Building { Ok(build) } else { Err(grant.fenced()) }
    }
}

fn position(cursor: Option<Cursor>) -> Position {
    cursor.map_or(Position::START, |cursor| cursor.position)
}
