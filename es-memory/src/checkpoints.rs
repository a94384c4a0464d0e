//! [`CheckpointStore`] for [`MemoryStore`]: who may move a checkpoint, and where it is.

use crate::letters::LetterBox;
use crate::store::{MemoryStore, State};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use es_core::{
    CheckpointStore, Commit, CommitError, Cursor, Discarded, Generation, GenerationId, GenerationState,
    Grant, Halt, Lease, LetterPlace, Position, ProjectionId, StoreError,
};
use std::collections::BTreeMap;
use std::time::Instant;
use uuid::Uuid;

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

/// One generation, and its views.
#[derive(Debug)]
pub(crate) struct Build {
    projection: ProjectionId,
    state: GenerationState,
    cursor: Option<Cursor>,
    epoch: i64,
    lease: Option<HeldLease>,
    halt: Option<Halt>,
    paused: bool,
    /// Strings are ordered by their bytes.
    pub(crate) views: BTreeMap<String, String>,
    pub(crate) letters: LetterBox,
}

/// A lease counts from when it was last renewed, by a clock that never jumps.
#[derive(Debug)]
struct HeldLease {
    lease: Lease,
    renewed: Instant,
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

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let State { log, builds, .. } = &mut *self.lock();
        builds.swap(grant, |cursor| {
            log.rows.get(&cursor.position).is_some_and(|row| row.event_id == cursor.event_id)
        })
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.lock().builds.discard(grant)
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
        let is_held = build.owner().is_some_and(|owner| owner != lease.owner);
        if build.paused || (is_held && !lease.takes_over) {
            return None;
        }
        build.epoch += 1;
        build.lease = Some(HeldLease::from_now(lease));
        if !lease.takes_over {
            build.halt = None;
        }
        let projection = projection.clone();
        Some(Grant { projection, generation, epoch: build.epoch, lease, cursor: build.cursor })
    }

    fn commit(&mut self, commit: Commit, now: DateTime<Utc>) -> Result<(), CommitError> {
        let Commit { grant, to, writes, letters } = commit;
        let build = self.granted(&grant)?;
        let forwards = to == grant.cursor || position(to) > grant.position();
        if build.cursor != grant.cursor || !forwards {
            return Err(grant.fenced());
        }
        for write in writes {
            match write.view {
                Some(view) => build.views.insert(write.key, view),
                None => build.views.remove(&write.key),
            };
        }
        build.cursor = to;
        build.lease = Some(HeldLease::from_now(grant.lease));
        let discarded = build.letters.change(letters, now);
        let known = self.discarded.entry(grant.projection).or_default();
        for letter in discarded {
            known.entry(letter.place.clone()).or_insert(letter);
        }
        Ok(())
    }

    fn release(&mut self, grant: &Grant, halt: Option<Halt>) {
        // A lease that is another's, or was given back before, is left alone, and so is its halt.
        if let Ok(build) = self.granted(grant)
            && build.lease.take().is_some()
            && (halt.is_some() || !grant.lease.takes_over)
        {
            build.halt = halt;
        }
    }

    /// A live one whose last row is not in the log is of another history, and how far it has read means nothing.
    fn swap(&mut self, grant: &Grant, in_the_log: impl Fn(&Cursor) -> bool) -> Result<(), CommitError> {
        let building = position(self.building(grant)?.cursor);
        let mut paused = false;
        if let Some(id) = self.find(&grant.projection, GenerationState::Live) {
            let live = position(self.by_id[&id].cursor.filter(in_the_log));
            if live > building {
                return Err(CommitError::Behind { live });
            }
            if let Some(kept) = self.find(&grant.projection, GenerationState::Kept) {
                self.by_id.remove(&kept);
            }
            paused = self.by_id.get_mut(&id).is_some_and(|replaced| {
                replaced.become_state(GenerationState::Kept);
                std::mem::take(&mut replaced.paused)
            });
        }
        let build = self.building(grant)?;
        build.become_state(GenerationState::Live);
        build.paused = paused;
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
            kept.halt = None;
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
        build.epoch += 1;
        build.lease = None;
        build.paused = true;
        true
    }

    fn resume(&mut self, projection: &ProjectionId) -> bool {
        let Some(build) = self.live_mut(projection) else { return false };
        build.halt = None;
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
        let build = Build {
            projection: projection.clone(),
            state: lease.of,
            cursor: lease.begin,
            epoch: 0,
            lease: None,
            halt: None,
            paused: false,
            views: BTreeMap::new(),
            letters: LetterBox::default(),
        };
        self.by_id.insert(id, build);
        id
    }

    /// The generation that `grant` was given for, as long as nobody was given a later one and it is still what it
    /// was: a swap ends the grants of both generations.
    fn granted(&mut self, grant: &Grant) -> Result<&mut Build, CommitError> {
        let build = self.by_id.get_mut(&grant.generation);
        build
            .filter(|build| build.epoch == grant.epoch && build.state == grant.lease.of)
            .ok_or_else(|| grant.fenced())
    }

    fn building(&mut self, grant: &Grant) -> Result<&mut Build, CommitError> {
        let build = self.granted(grant)?;
        if build.state == GenerationState::Building { Ok(build) } else { Err(grant.fenced()) }
    }
}

impl Build {
    /// Whatever was granted before is over.
    fn become_state(&mut self, state: GenerationState) {
        self.state = state;
        self.epoch += 1;
        self.lease = None;
    }

    /// Who holds the lease now.
    fn owner(&self) -> Option<Uuid> {
        self.lease.as_ref().filter(|held| held.is_running()).map(|held| held.lease.owner)
    }

    fn describe(&self, id: GenerationId) -> Generation {
        Generation {
            id,
            projection: self.projection.clone(),
            state: self.state,
            cursor: self.cursor,
            epoch: self.epoch,
            owner: self.owner(),
            halt: self.halt.clone(),
            paused: self.paused,
            dead_letters: self.letters.failed(),
        }
    }
}

impl HeldLease {
    fn from_now(lease: Lease) -> Self {
        Self { lease, renewed: Instant::now() }
    }

    fn is_running(&self) -> bool {
        self.renewed.elapsed() < self.lease.duration
    }
}

fn position(cursor: Option<Cursor>) -> Position {
    cursor.map_or(Position::START, |cursor| cursor.position)
}
