//! [`LogCheck`]: the log, a page at a time.

use super::findings::{Check, Findings};
use super::named;
use crate::Failure;
use crate::text::grouped;
use es_core::{EventStore, Payload, Position, Recorded, Store, StreamId, StreamRange, Version};
use serde_json::value::RawValue;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// How many streams are remembered, 24 bytes each: about 50 MB. When there are more, all are forgotten, and the event
/// before one whose stream is not remembered is looked up in the store.
const STREAMS_KEPT_MAX: usize = 1_000_000;

/// What was seen of the log so far.
pub(super) struct LogCheck {
    store: Arc<dyn Store>,
    last: Position,
    /// The last version of each stream, by a hash of 128 bits: two streams with the same one are not to be expected.
    versions: HashMap<(u64, u64), Version>,
    hashers: [RandomState; 2],
    streams_max: usize,
    has_forgotten: bool,
    streams: u64,
}

impl LogCheck {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            last: Position::START,
            versions: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
            streams_max: STREAMS_KEPT_MAX,
            has_forgotten: false,
            streams: 0,
        }
    }

    /// `of 3 streams`, as they are counted by their first versions.
    pub(super) fn streams(&self) -> String {
        let noun = if self.streams == 1 { "stream" } else { "streams" };
        format!("of {} {noun}", grouped(self.streams))
    }

    pub(super) async fn take(
        &mut self,
        page: &[Recorded<Payload>],
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        for check in [Check::Positions, Check::Versions, Check::EventIds, Check::Payloads] {
            findings.checked(check, page.len());
        }
        self.positions(page, findings);
        for event in page {
            self.version(event, findings).await?;
        }
        event_ids(page, findings);
        payloads(page, findings);
        Ok(())
    }

    fn positions(&mut self, page: &[Recorded<Payload>], findings: &mut Findings) {
        for event in page {
            let (last, position) = (self.last, event.position);
            if position <= last {
                let text = format!("position {position} comes behind position {last}, expected a higher one");
                findings.add(Check::Positions, text);
            }
            self.last = last.max(position);
        }
    }

    async fn version(&mut self, event: &Recorded<Payload>, findings: &mut Findings) -> Result<(), Failure> {
        let hash = self.hash(&event.stream);
        let last = match self.versions.get(&hash) {
            Some(version) => *version,
            None if self.has_forgotten => self.predecessor(event).await?,
            None => Version::ZERO,
        };
        let (found, expected, position) = (event.version, last.plus(1), event.position);
        if found != expected {
            let stream = named(&event.stream);
            let text = match found < expected {
                true => format!("{stream} has version {found} at position {position}, behind version {last}"),
                false => format!(
                    "{stream} has version {found} at position {position}, expected version {expected} first"
                ),
            };
            findings.add(Check::Versions, text);
        }
        if last == Version::ZERO {
            self.streams += 1;
        }
        if self.versions.len() >= self.streams_max {
            self.versions.clear();
            self.has_forgotten = true;
        }
        self.versions.insert(hash, found.max(last));
        Ok(())
    }

    fn hash(&self, stream: &StreamId) -> (u64, u64) {
        let [one, other] = &self.hashers;
        (one.hash_one(stream), other.hash_one(stream))
    }

    /// The nearest version before this event's that its stream has further up the log.
    async fn predecessor(&self, event: &Recorded<Payload>) -> Result<Version, Failure> {
        let Some(previous) = event.version.previous().filter(|version| *version != Version::ZERO) else {
            return Ok(Version::ZERO);
        };
        let before = StreamRange::default().up_to(previous).backwards().limit(1);
        let page = self.store.read(&event.stream, before).await?;
        let found = page.events.first().filter(|found| found.position < event.position);
        Ok(found.map_or(Version::ZERO, |found| found.version))
    }
}

fn event_ids(page: &[Recorded<Payload>], findings: &mut Findings) {
    let mut seen = HashSet::with_capacity(page.len());
    for event in page.iter().filter(|event| !seen.insert(event.event_id)) {
        let text = format!("event id {} is there again at position {}", event.event_id, event.position);
        findings.add(Check::EventIds, text);
    }
}

fn payloads(page: &[Recorded<Payload>], findings: &mut Findings) {
    let is_json =
        |event: &&Recorded<Payload>| serde_json::from_slice::<&RawValue>(event.data.as_bytes()).is_ok();
    for event in page.iter().filter(|event| !is_json(event)) {
        let (stream, version, position) = (named(&event.stream), event.version, event.position);
        let text = format!("the payload of version {version} of {stream}, position {position}, is no JSON");
        findings.add(Check::Payloads, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use es_core::{Append, EventId, Expected, Metadata, NewEvent};
    use es_memory::MemoryStore;
    use uuid::Uuid;

    /// An event of the stream `a-KEY`.
    fn event(position: u64, key: u64, version: u64) -> Recorded<Payload> {
        Recorded {
            event_id: EventId::new(Uuid::from_u128(position.into())),
            stream: StreamId::new("a", key).unwrap(),
            version: Version::new(version),
            position: Position::new(position),
            name: "happened".into(),
            schema_version: 1,
            recorded_at: DateTime::UNIX_EPOCH,
            metadata: Metadata::new(),
            data: Payload::new(b"{}".to_vec()),
        }
    }

    async fn found(log: &mut LogCheck, page: &[Recorded<Payload>]) -> Vec<String> {
        let mut findings = Findings::default();
        log.take(page, &mut findings).await.unwrap();
        findings.texts().to_vec()
    }

    fn log_check() -> LogCheck {
        LogCheck::new(Arc::new(MemoryStore::default()))
    }

    #[tokio::test]
    async fn cl_06_a_wrong_order_a_gap_and_a_fork_are_found_once_each() {
        let page = [
            event(1, 1, 1),
            event(3, 2, 1),
            event(2, 1, 2),
            event(5, 1, 4),
            event(6, 1, 5),
            event(7, 2, 1),
            event(8, 2, 2),
            event(8, 1, 6),
        ];
        let expected = [
            "position 2 comes behind position 3, expected a higher one",
            "position 8 comes behind position 8, expected a higher one",
            "stream `a-1` has version 4 at position 5, expected version 3 first",
            "stream `a-2` has version 1 at position 7, behind version 1",
            "event id 00000000-0000-0000-0000-000000000008 is there again at position 8",
        ];
        let mut log = log_check();
        assert_eq!(found(&mut log, &page).await, expected);
        assert_eq!(log.streams(), "of 2 streams");
    }

    #[tokio::test]
    async fn what_was_forgotten_is_looked_up() {
        let store = MemoryStore::default();
        for (id, key, events) in [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 1, 1), (5, 2, 1)] {
            let new = NewEvent {
                event_id: EventId::new(Uuid::from_u128(id)),
                name: "happened".into(),
                schema_version: 1,
                payload: Payload::new(b"{}".to_vec()),
                metadata: Metadata::new(),
            };
            let stream = StreamId::new("a", key).unwrap();
            store.append(Append::new(stream, Expected::Any, vec![new; events])).await.unwrap();
        }
        let mut log = LogCheck { streams_max: 2, ..LogCheck::new(Arc::new(store)) };
        let page = [event(1, 1, 1), event(2, 2, 1), event(3, 3, 1), event(4, 1, 2), event(5, 2, 2)];
        assert_eq!(found(&mut log, &page).await, [""; 0]);
        assert!(log.versions.len() <= 2 && log.has_forgotten);
        let missing = ["stream `a-1` has version 4 at position 9, expected version 3 first"];
        assert_eq!(found(&mut log, &[event(9, 1, 4)]).await, missing);
    }
}
