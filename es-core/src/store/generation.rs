//! [`Generation`]: what is known of one, with its checkpoints.

use crate::{Cursor, Failure, GenerationId, GenerationState, Halt, Position, ProjectionId, Shard, Slices};
use uuid::Uuid;

/// What is known of one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its number.
    pub id: GenerationId,
    /// The projection.
    pub projection: ProjectionId,
    /// Whether it is the one that is read.
    pub state: GenerationState,
    /// Into how many shards it is divided.
    pub shards: u16,
    /// Where it is, by slices, of which none is missing.
    pub checkpoints: Vec<Checkpoint>,
    /// Whether a person has paused it.
    pub paused: bool,
    /// How many dead letters it has, without those that only wait behind others.
    pub dead_letters: u64,
}

/// Where a part of a generation is, and who may move it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The slices that it is of: those of a shard, or of a part of one that was put together from others.
    pub slices: Slices,
    /// The last row that was finished.
    pub cursor: Option<Cursor>,
    /// The latest epoch.
    pub epoch: i64,
    /// Who holds the lease now.
    pub owner: Option<Uuid>,
    /// Why its projector stopped by itself.
    pub halt: Option<Halt>,
    /// What its projector failed with last.
    pub failure: Option<Failure>,
}

impl Generation {
    /// The position of the last row that all shards have finished.
    pub fn position(&self) -> Position {
        self.checkpoints.iter().map(Checkpoint::position).min().unwrap_or(Position::START)
    }

    /// The last row that all shards have finished.
    pub fn cursor(&self) -> Option<Cursor> {
        self.checkpoints.iter().min_by_key(|checkpoint| checkpoint.position())?.cursor
    }

    /// The latest epoch.
    pub fn epoch(&self) -> i64 {
        self.checkpoints.iter().map(|checkpoint| checkpoint.epoch).max().unwrap_or_default()
    }

    /// Who holds the lease of a shard now; the first of them.
    pub fn owner(&self) -> Option<Uuid> {
        self.checkpoints.iter().find_map(|checkpoint| checkpoint.owner)
    }

    /// Why a shard's projector stopped by itself; the first one's.
    pub fn halt(&self) -> Option<&Halt> {
        self.checkpoints.iter().find_map(|checkpoint| checkpoint.halt.as_ref())
    }

    /// The checkpoints of a shard: one, or those of the parts that it was put together from.
    pub fn checkpoints_of(&self, shard: Shard) -> impl Iterator<Item = &Checkpoint> {
        let slices = shard.slices();
        self.checkpoints.iter().filter(move |checkpoint| slices.contains(checkpoint.slices.first()))
    }

    /// What a shard's projector failed with last; the latest.
    pub fn failure(&self) -> Option<&Failure> {
        let failures = self.checkpoints.iter().filter_map(|checkpoint| checkpoint.failure.as_ref());
        failures.max_by_key(|failure| failure.at)
    }

    /// The checkpoint of a slice.
    pub fn checkpoint(&self, slice: u16) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.slices.contains(slice))
    }
}

impl Checkpoint {
    /// The position of the last row that was finished.
    pub fn position(&self) -> Position {
        self.cursor.map_or(Position::START, |cursor| cursor.position)
    }
}
