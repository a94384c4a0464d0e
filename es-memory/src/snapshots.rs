//! [`SnapshotStore`] for [`MemoryStore`].

use crate::store::MemoryStore;
use async_trait::async_trait;
use es_core::{
    KeptSnapshot, Snapshot, SnapshotPlace, SnapshotStore, SnapshotsOf, StoreError, StreamId, StreamPage,
    StreamRange, Version,
};
use std::ops::Bound;

#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        let state = self.lock();
        let snapshot =
            state.snapshots.get(&SnapshotPlace { stream: stream.clone(), schema_version }).cloned();
        let before = snapshot.as_ref().and_then(|snapshot| snapshot.version.previous());
        let page = state.log.read(stream, StreamRange::after(before.unwrap_or(Version::ZERO)));
        Ok((snapshot, page))
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let mut state = self.lock();
        let key = SnapshotPlace { stream: snapshot.stream.clone(), schema_version: snapshot.schema_version };
        // One of the same version takes its place, because the kept one may be damaged; and so does an older one where
        // the kept one is of another history.
        let stays = |kept: &Snapshot| kept.version > snapshot.version && state.log.has(kept);
        if !state.snapshots.get(&key).is_some_and(stays) {
            state.snapshots.insert(key, snapshot);
        }
        Ok(())
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        let state = self.lock();
        let (from, below) = of.bounds();
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = state.snapshots.range::<SnapshotPlace, _>((begin, Bound::Unbounded));
        let meant = behind.filter(|(place, _)| {
            let stream = place.stream.as_str();
            stream >= from.as_str() && stream < below.as_str()
        });
        let kept = |(place, snapshot): (&SnapshotPlace, &Snapshot)| KeptSnapshot {
            place: place.clone(),
            version: snapshot.version,
            bytes: snapshot.state.as_bytes().len() as u64,
        };
        Ok(meant.take(limit.max(1)).map(kept).collect())
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let gone = places.iter().filter(|place| state.snapshots.remove(place).is_some());
        Ok(gone.count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{append, event_id, stream};
    use es_core::{EventStore, Payload};

    fn snapshot(version: u64, state: &'static str) -> Snapshot {
        Snapshot {
            stream: stream("a"),
            version: Version::new(version),
            event_id: event_id(version.into()),
            schema_version: 1,
            state: Payload::new(state.as_bytes()),
        }
    }

    #[tokio::test]
    async fn a_stream_is_loaded_from_the_event_of_its_newest_snapshot_on() {
        let store = MemoryStore::default();
        store.append(append("a", [1, 2, 3])).await.unwrap();
        for (version, state) in [(2, "damaged"), (2, "2"), (1, "1")] {
            store.save(snapshot(version, state)).await.unwrap();
        }
        let (kept, page) = store.load(&stream("a"), 1).await.unwrap();
        assert_eq!(kept, Some(snapshot(2, "2")));
        assert_eq!(page.events.iter().map(|row| row.version.value()).collect::<Vec<_>>(), [2, 3]);
        let (other_schema, page) = store.load(&stream("a"), 2).await.unwrap();
        assert_eq!((other_schema, page.events.len()), (None, 3));
    }
}
