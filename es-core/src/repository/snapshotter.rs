//! Writing snapshots behind the commands.

use crate::{Aggregate, EventId, Loaded, Payload, Snapshot, Snapshots, Store, StreamId, Version};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// How many snapshots of one repository are under way at once; beyond them a snapshot waits for its next occasion.
const SAVES_MAX: u32 = 4;

/// Encodes, decodes and saves the states of one kind of aggregate. The bounds of serde are here and nowhere else.
pub(super) struct Snapshotter<A> {
    snapshots: Snapshots,
    encode: fn(&A) -> Result<Vec<u8>, serde_json::Error>,
    decode: fn(&[u8]) -> Result<A, serde_json::Error>,
    saves: Arc<Semaphore>,
}

impl<A> Snapshotter<A> {
    pub(super) fn new(snapshots: Snapshots) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        let saves = Arc::new(Semaphore::new(SAVES_MAX as usize));
        Self {
            snapshots,
            encode: |state| serde_json::to_vec(state),
            decode: |json| serde_json::from_slice(json),
            saves,
        }
    }

    pub(super) fn decode(&self, stored: &Payload) -> Result<A, &'static str> {
        let json = unsealed(stored.as_bytes()).ok_or("its bytes are not those that were written")?;
        (self.decode)(json).map_err(|_| "its state cannot be decoded")
    }

    /// Waits until nothing is under way.
    pub(super) async fn settle(&self) {
        drop(self.saves.acquire_many(SAVES_MAX).await);
    }
}

impl<A: Aggregate> Snapshotter<A> {
    /// Saves the state if it is due after a command, for which so many events were folded; the task owns all it needs, and its failure is a warning.
    pub(super) fn save_behind(
        &self,
        store: &Arc<dyn Store>,
        stream: &StreamId,
        (from, folded): (Version, u64),
        to: &Loaded<A>,
        event_id: EventId,
    ) {
        if !self.snapshots.wants(from, to.version, folded) {
            return;
        }
        let Ok(permit) = self.saves.clone().try_acquire_owned() else {
            return;
        };
        let Some(state) = self.encode_readable(&to.state) else {
            tracing::warn!(%stream, "snapshot not saved: the state has no JSON that can be read again");
            return;
        };
        let snapshot = Snapshot {
            stream: stream.clone(),
            version: to.version,
            event_id,
            schema_version: A::SNAPSHOT_VERSION,
            state: Payload::new(sealed(&state)),
        };
        let store = store.clone();
        tokio::spawn(async move {
            let stream = snapshot.stream.clone();
            if let Err(error) = store.save(snapshot).await {
                tracing::warn!(%stream, %error, "snapshot not saved");
            }
            drop(permit);
        });
    }

    fn encode_readable(&self, state: &A) -> Option<Vec<u8>> {
        let json = (self.encode)(state).ok()?;
        (self.decode)(&json).ok().map(|_| json)
    }
}

impl<A> Clone for Snapshotter<A> {
    fn clone(&self) -> Self {
        Self {
            snapshots: self.snapshots,
            encode: self.encode,
            decode: self.decode,
            saves: self.saves.clone(),
        }
    }
}

/// The state with its CRC-32 before it, as one JSON document: a state that was damaged may still be JSON.
fn sealed(json: &[u8]) -> Vec<u8> {
    let mut stored = format!("[\"{:08x}\",", crc32fast::hash(json)).into_bytes();
    stored.extend_from_slice(json);
    stored.push(b']');
    stored
}

/// The state, if it is the one that was sealed.
fn unsealed(stored: &[u8]) -> Option<&[u8]> {
    let (sum, rest) = stored.strip_prefix(b"[\"")?.split_at_checked(8)?;
    let json = rest.strip_prefix(b"\",")?.strip_suffix(b"]")?;
    (format!("{:08x}", crc32fast::hash(json)).as_bytes() == sum).then_some(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_was_changed_anywhere_is_not_unsealed() {
        let stored = sealed(br#"{"cents":55}"#);
        assert!(
            serde_json::from_slice::<(String, serde_json::Value)>(&stored).is_ok(),
            "it is one JSON document"
        );
        assert_eq!(unsealed(&stored), Some(br#"{"cents":55}"#.as_slice()));
        for place in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[place] ^= 1;
            assert_eq!(unsealed(&damaged), None, "byte {place}");
        }
        for length in 0..stored.len() {
            assert_eq!(unsealed(&stored[..length]), None, "cut to {length} bytes");
        }
    }
}
