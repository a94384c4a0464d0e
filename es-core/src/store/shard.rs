//! [`Shard`] and [`Slices`]: how one projection is divided among several workers.

use crate::{Cursor, Position, ProjectionId, StoreError};
use std::fmt;

/// One of the equal parts that the keys of a projection's views are divided into.
///
/// A key belongs to one of [`Slices::COUNT`] slices for ever, by the CRC-32 of its bytes. Shard number `i` of `n` has the slices from
/// `i * 1024 / n` up to and without those of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    number: u16,
    of: u16,
}

/// Slices that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slices {
    first: u16,
    end: u16,
}

/// Which part of a shard is granted, where it is put together from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// All of it: its checkpoints are at one row, and become one.
    Whole,
    /// Just the checkpoint with this index, until it is as far as the furthest one.
    Part(usize, Option<Cursor>),
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Shard `number` of `of`, counted from 0; nothing where there are not so many. More than one for each slice there
    /// cannot be.
    pub fn new(number: u16, of: u16) -> Option<Self> {
        (number < of && of <= Slices::COUNT).then_some(Self { number, of })
    }

    /// All shards of a projection that is divided into so many; less than one and more than [`Slices::COUNT`] are not possible.
    pub fn all(of: u16) -> impl Iterator<Item = Self> {
        let of = of.clamp(1, Slices::COUNT);
        (0..of).map(move |number| Self { number, of })
    }

    /// The shard that has the slice `slice`, of a projection that is divided into so many.
    pub fn with(slice: u16, of: u16) -> Self {
        Self::all(of).find(|shard| shard.slices().contains(slice)).unwrap_or(Self::WHOLE)
    }

    /// Its number, from 0.
    pub fn number(self) -> u16 {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> u16 {
        self.of
    }

    /// Its slices.
    pub fn slices(self) -> Slices {
        let first = |number: u16| (u32::from(number) * u32::from(Slices::COUNT) / u32::from(self.of)) as u16;
        Slices { first: first(self.number), end: first(self.number + 1) }
    }

    /// What [`divide`](crate::CheckpointStore::divide) is refused with where streams wait in dead letters.
    pub fn streams_wait(projection: &ProjectionId) -> StoreError {
        StoreError::Unusable(format!(
            "projection {projection} cannot have several shards: dead letters wait in the line of a stream, and nobody can \
            tell which shard has their events. Retry or discard them first"
        ))
    }

    /// What can be granted of the shard whose checkpoints are at these rows, in the order of their slices.
    pub fn claim(cursors: &[Option<Cursor>]) -> Claim {
        let position = |cursor: &Option<Cursor>| cursor.map_or(Position::START, |cursor| cursor.position);
        let furthest = cursors.iter().max_by_key(|cursor| position(cursor)).copied().flatten();
        let least = cursors.iter().enumerate().min_by_key(|(_, cursor)| position(cursor));
        match least {
            Some((index, cursor)) if position(cursor) < position(&furthest) => Claim::Part(index, furthest),
            _ => Claim::Whole,
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.number + 1, self.of)
    }
}

impl Slices {
    /// How many there are.
    pub const COUNT: u16 = 1_024;

    /// All of them.
    pub const ALL: Self = Self { first: 0, end: Self::COUNT };

    /// Those from `first` up to and without `end`; nothing where there is none.
    pub fn new(first: u16, end: u16) -> Option<Self> {
        (first < end && end <= Self::COUNT).then_some(Self { first, end })
    }

    /// The slice that a key belongs to.
    pub fn of_key(key: &str) -> u16 {
        (crc32fast::hash(key.as_bytes()) % u32::from(Self::COUNT)) as u16
    }

    /// The first one.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The one behind the last.
    pub fn end(self) -> u16 {
        self.end
    }

    /// Whether `slice` is one of them.
    pub fn contains(self, slice: u16) -> bool {
        (self.first..self.end).contains(&slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventId;
    use uuid::Uuid;

    fn at(position: u64) -> Option<Cursor> {
        let event_id = EventId::new(Uuid::from_u128(position.into()));
        (position > 0).then(|| Cursor { position: Position::new(position), event_id })
    }

    #[test]
    fn shards_have_every_slice_once() {
        for of in 1..=Slices::COUNT {
            let mut end = 0;
            for shard in Shard::all(of) {
                assert_eq!(shard.slices().first(), end);
                assert!(shard.slices().first() < shard.slices().end());
                end = shard.slices().end();
            }
            assert_eq!(end, Slices::COUNT, "{of}");
        }
    }

    #[test]
    fn a_slice_belongs_to_one_shard() {
        for of in [1, 2, 3, 4, 7, 1_000, Slices::COUNT] {
            for slice in 0..Slices::COUNT {
                let found: Vec<_> = Shard::all(of).filter(|shard| shard.slices().contains(slice)).collect();
                assert_eq!(found, [Shard::with(slice, of)]);
            }
        }
    }

    #[test]
    fn what_is_furthest_behind_is_granted_first() {
        assert_eq!(Shard::claim(&[at(7)]), Claim::Whole);
        assert_eq!(Shard::claim(&[at(7), at(7), at(7)]), Claim::Whole);
        assert_eq!(Shard::claim(&[at(7), at(3), at(0), at(9)]), Claim::Part(2, at(9)));
        assert_eq!(Shard::claim(&[at(0), at(0)]), Claim::Whole);
    }

    /// Where a key belongs is kept in stores: it must never change.
    #[test]
    fn keys_stay_in_their_slices() {
        let slices = ["", "ada", "173688", "größe"].map(Slices::of_key);
        assert_eq!(slices, [0, 872, 821, 393]);
    }

    #[test]
    fn numbered_keys_spread_evenly() {
        let mut counts = [0_u32; 4];
        for number in 0..10_000 {
            counts[usize::from(Shard::with(Slices::of_key(&number.to_string()), 4).number())] += 1;
        }
        assert!(counts.iter().all(|count| (2_200..2_800).contains(count)), "{counts:?}");
    }
}
