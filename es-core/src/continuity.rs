//! Asserting on the way that no event of a stream is missing: version n+1 follows n.

use crate::{EventStore, Payload, Recorded, StoreError, StreamId, Version};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// How many streams are remembered on the way through the log, in 50 MB or less; of the others the predecessors are looked
/// up, those of a page together.
const STREAMS_KEPT_MAX: usize = 1_000_000;

/// How many are remembered at the end of the log, where a reader stays for long.
const STREAMS_KEPT_AT_REST_MAX: usize = 65_536;

/// A version for each stream, by the stream's mark.
type Versions = HashMap<u128, Version, BuildHasherDefault<AsItIs>>;

/// The last version seen of each stream.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    seen: Versions,
    marks: Marks,
}

impl Continuity {
    /// Checks a page of the unfiltered log, and gives what to remember once the page is done with.
    pub(crate) async fn check(
        &self,
        store: &dyn EventStore,
        page: &[Recorded<Payload>],
    ) -> Result<Seen, StoreError> {
        let mut newly = Versions::with_capacity_and_hasher(page.len(), BuildHasherDefault::default());
        let marks: Vec<_> = page.iter().map(|event| self.marks.of(&event.stream)).collect();
        let (mut unseen, mut unseen_marks) = (Vec::new(), Vec::new());
        for (event, mark) in page.iter().zip(&marks) {
            if let Entry::Vacant(first) = newly.entry(*mark) {
                let seen = self.seen.get(mark).copied();
                if seen.is_none() && event.version > Version::ZERO.plus(1) {
                    unseen.push(event);
                    unseen_marks.push(*mark);
                }
                first.insert(seen.unwrap_or_default());
            }
        }
        if !unseen.is_empty() {
            newly.extend(unseen_marks.into_iter().zip(store.predecessors(&unseen).await?));
        }
        for (event, mark) in page.iter().zip(&marks) {
            let seen = newly.get_mut(mark).expect("each stream of the page was put in above");
            if event.version != seen.plus(1) {
                return Err(StoreError::Gap {
                    stream: event.stream.clone(),
                    expected: seen.plus(1),
                    found: event.version,
                    position: event.position,
                });
            }
            *seen = event.version;
        }
        Ok(Seen(newly))
    }

    /// The page that was checked is done with: the next one begins behind it.
    pub(crate) fn remember(&mut self, page: Seen) {
        if self.seen.len() > STREAMS_KEPT_MAX {
            self.seen.clear();
        }
        self.seen.extend(page.0);
    }

    /// The end of the log is reached.
    pub(crate) fn rest(&mut self) {
        if self.seen.len() > STREAMS_KEPT_AT_REST_MAX {
            self.seen = Versions::default();
        }
    }
}

/// The last version of each stream of a page.
#[derive(Debug)]
pub(crate) struct Seen(Versions);

/// Gives each stream 128 bits by two secret keys: nobody can choose names that share them, and by chance none ever do.
#[derive(Debug, Default)]
struct Marks(RandomState, RandomState);

impl Marks {
    fn of(&self, stream: &StreamId) -> u128 {
        let (high, low) = (self.0.hash_one(stream), self.1.hash_one(stream));
        u128::from(high) << 64 | u128::from(low)
    }
}

/// A mark is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, mark: u128) {
        self.0 = mark as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rest_few_streams_are_remembered_and_on_the_way_many() {
        let marks = |count: usize| (0..count as u128).map(|mark| (mark << 64 | mark, Version::new(1)));
        let mut continuity = Continuity::default();
        continuity.remember(Seen(marks(STREAMS_KEPT_AT_REST_MAX).collect()));
        continuity.rest();
        assert_eq!(continuity.seen.len(), STREAMS_KEPT_AT_REST_MAX);
        continuity.remember(Seen(marks(STREAMS_KEPT_AT_REST_MAX + 1).collect()));
        assert_eq!(continuity.seen.len(), STREAMS_KEPT_AT_REST_MAX + 1);
        continuity.rest();
        assert_eq!(continuity.seen.len(), 0);
        continuity.remember(Seen(marks(STREAMS_KEPT_MAX + 1).collect()));
        continuity.remember(Seen(marks(1).collect()));
        assert_eq!(continuity.seen.len(), 1);
    }
}
