//! Asserting on the way that no event of a stream is missing: version n+1 follows n.

use crate::{EventStore, Payload, Recorded, StoreError, StreamId, StreamRange, Version};
use std::collections::HashMap;

/// How many streams are remembered between two pages; of the others the predecessor is looked up.
const STREAMS_KEPT_MAX: usize = 65_536;

/// The last version seen of each stream.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    seen: HashMap<StreamId, Version>,
}

impl Continuity {
    /// Checks a page of the unfiltered log, and gives what to remember once the page is done with.
    pub(crate) async fn check(
        &self,
        store: &dyn EventStore,
        page: &[Recorded<Payload>],
    ) -> Result<Seen, StoreError> {
        let mut newly = HashMap::new();
        for event in page {
            let seen = match newly.get(&event.stream).or_else(|| self.seen.get(&event.stream)) {
                Some(version) => *version,
                None => predecessor(store, event).await?,
            };
            if event.version != seen.plus(1) {
                return Err(StoreError::Gap {
                    stream: event.stream.clone(),
                    expected: seen.plus(1),
                    found: event.version,
                    position: event.position,
                });
            }
            newly.insert(event.stream.clone(), event.version);
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
}

/// The last version of each stream of a page.
#[derive(Debug)]
pub(crate) struct Seen(HashMap<StreamId, Version>);

/// The version before `event` if the stream has it at an earlier position, else the nearest that it has.
async fn predecessor(store: &dyn EventStore, event: &Recorded<Payload>) -> Result<Version, StoreError> {
    let Some(previous) = event.version.previous().filter(|version| *version != Version::ZERO) else {
        return Ok(Version::ZERO);
    };
    let before = StreamRange::default().up_to(previous).backwards().limit(1);
    let page = store.read(&event.stream, before).await?;
    let found = page.events.first().filter(|found| found.position < event.position);
    Ok(found.map_or(Version::ZERO, |found| found.version))
}
