//! Asserting on the way that no event of a stream is missing: version n+1 follows n.

use crate::{EventStore, Payload, Recorded, StoreError, StreamId, Version};
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// How many streams are remembered on the way through the log, in 50 MB or less; of the others the predecessors are looked
/// up, those of a page together.
const STREAMS_KEPT_MAX: usize = 1_000_000;

/// How many are remembered at the end of the log, where a reader stays for long.
const STREAMS_KEPT_AT_REST_MAX: usize = 65_536;

/// The last version seen of each stream.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    seen: HashMap<Mark, Version, BuildHasherDefault<AsItIs>>,
    /// What the page that was checked last has changed, to be taken back unless the page is done with: what was there before.
    changed: Vec<(Mark, Option<Version>)>,
    marks: Marks,
}

impl Continuity {
    /// Checks a page of the unfiltered log. Once the page is done with, it is [remembered](Self::remember); otherwise the next
    /// check begins where this one did.
    pub(crate) async fn check(
        &mut self,
        store: &dyn EventStore,
        page: &[Recorded<Payload>],
    ) -> Result<(), StoreError> {
        self.take_back();
        self.changed.reserve(page.len());
        let (mut unseen, mut gap) = (Vec::new(), None);
        for event in page {
            match self.see(event) {
                Some(before) if event.version == before.plus(1) => (),
                Some(before) => {
                    gap = Some(missing(event, before));
                    break;
                }
                None => unseen.push(event),
            }
        }
        if !unseen.is_empty() {
            let befores = store.predecessors(&unseen).await?;
            let mut found = unseen.into_iter().zip(befores);
            // It comes before the other one.
            if let Some((event, before)) = found.find(|(event, before)| event.version != before.plus(1)) {
                gap = Some(missing(event, before));
            }
        }
        gap.map_or(Ok(()), Err)
    }

    /// The page that was checked is done with: the next one begins behind it.
    pub(crate) fn remember(&mut self) {
        self.changed.clear();
        if self.seen.len() > STREAMS_KEPT_MAX {
            self.seen.clear();
        }
    }

    /// The end of the log is reached.
    pub(crate) fn rest(&mut self) {
        if self.seen.len() > STREAMS_KEPT_AT_REST_MAX {
            self.seen = HashMap::default();
            self.changed = Vec::new();
        }
    }

    /// Puts down the event as the last of its stream, and tells which was before, unless that must be looked up.
    fn see(&mut self, event: &Recorded<Payload>) -> Option<Version> {
        let mark = self.marks.of(&event.stream);
        let before = self.seen.insert(mark, event.version);
        self.changed.push((mark, before));
        before.or_else(|| (event.version <= Version::ZERO.plus(1)).then_some(Version::ZERO))
    }

    fn take_back(&mut self) {
        for (mark, before) in self.changed.drain(..).rev() {
            match before {
                Some(version) => self.seen.insert(mark, version),
                None => self.seen.remove(&mark),
            };
        }
    }
}

fn missing(event: &Recorded<Payload>, before: Version) -> StoreError {
    StoreError::Gap {
        stream: event.stream.clone(),
        expected: before.plus(1),
        found: event.version,
        position: event.position,
    }
}

/// The 128 bits that stand for a stream.
type Mark = (u64, u64);

/// Gives each stream its mark by two secret keys: nobody can choose names that share one, and by chance none ever do.
#[derive(Debug, Default)]
struct Marks(RandomState, RandomState);

impl Marks {
    fn of(&self, stream: &StreamId) -> Mark {
        (self.0.hash_one(stream), self.1.hash_one(stream))
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

    fn write_u64(&mut self, half: u64) {
        self.0 = half;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventId, Metadata, Position};
    use chrono::DateTime;
    use uuid::Uuid;

    fn event(stream: usize, version: u64) -> Recorded<Payload> {
        Recorded {
            event_id: EventId::new(Uuid::nil()),
            stream: StreamId::new("account", stream).unwrap(),
            version: Version::new(version),
            position: Position::new(1),
            name: "account.opened".into(),
            schema_version: 1,
            recorded_at: DateTime::UNIX_EPOCH,
            metadata: Metadata::new(),
            data: Payload::new("{}"),
        }
    }

    fn see(continuity: &mut Continuity, streams: std::ops::Range<usize>) {
        for stream in streams {
            continuity.see(&event(stream, 1));
        }
    }

    #[test]
    fn a_page_that_is_not_remembered_is_seen_again_as_it_was() {
        let mut continuity = Continuity::default();
        assert_eq!(continuity.see(&event(1, 1)), Some(Version::ZERO));
        continuity.remember();
        for _ in 0..2 {
            continuity.take_back();
            assert_eq!(continuity.see(&event(1, 2)), Some(Version::new(1)));
            assert_eq!(continuity.see(&event(1, 3)), Some(Version::new(2)));
            assert_eq!(continuity.see(&event(2, 1)), Some(Version::ZERO));
            assert_eq!(continuity.see(&event(3, 8)), None);
        }
        continuity.remember();
        continuity.take_back();
        assert_eq!(continuity.see(&event(3, 9)), Some(Version::new(8)));
    }

    #[test]
    fn at_rest_few_streams_are_remembered_and_on_the_way_many() {
        let mut continuity = Continuity::default();
        see(&mut continuity, 0..STREAMS_KEPT_AT_REST_MAX);
        continuity.remember();
        continuity.rest();
        assert_eq!(continuity.seen.len(), STREAMS_KEPT_AT_REST_MAX);
        see(&mut continuity, 0..STREAMS_KEPT_AT_REST_MAX + 1);
        continuity.remember();
        assert_eq!(continuity.seen.len(), STREAMS_KEPT_AT_REST_MAX + 1);
        continuity.rest();
        assert_eq!(continuity.seen.len(), 0);
        see(&mut continuity, 0..STREAMS_KEPT_MAX + 1);
        continuity.remember();
        assert_eq!(continuity.seen.len(), 0);
    }
}
