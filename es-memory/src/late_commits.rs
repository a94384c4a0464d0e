//! [`HeldAppend`] and [`Dice`]: appends that commit later than others with larger positions.

use crate::append::Transaction;
use crate::log::Log;
use crate::store::Shared;
use es_core::Position;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

#[cfg(test)]
mod tests;

/// The next append to a [`MemoryStore`](crate::MemoryStore), stopped before its commit until you let it go.
///
/// It has its positions, but nobody sees it, and its caller waits: append in another task. Appends to other streams
/// go on behind it and are acknowledged; readers of the whole log are given nothing at or behind its positions. What
/// needs the same stream, event id or command id waits until it is settled. Dropping this rolls the append back.
///
/// ```
/// # use es_core::{Append, EventId, EventStore, Expected, Metadata, NewEvent, Payload, StreamId};
/// # use es_memory::MemoryStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryStore::default();
/// # let event = NewEvent {
/// #     event_id: EventId::new(uuid::Uuid::from_u128(1)),
/// #     name: "account.opened".into(),
/// #     schema_version: 1,
/// #     payload: Payload::new(b"{}".as_slice()),
/// #     metadata: Metadata::new(),
/// # };
/// # let append = Append::new(StreamId::new("account", "alice")?, Expected::Empty, vec![event]);
/// let held = store.hold_next_append();
/// let append = tokio::spawn({
///     let store = store.clone();
///     async move { store.append(append).await }
/// });
/// held.under_way().await;
/// assert_eq!(store.head().await?, None);
///
/// held.release();
/// let appended = append.await??;
/// assert_eq!(store.head().await?.map(|head| head.position), Some(appended.position));
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping it rolls the append back"]
pub struct HeldAppend {
    shared: Arc<Shared>,
    stage: Arc<watch::Sender<Stage>>,
}

/// How far an append that is held has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// No append has come yet.
    Awaited,
    /// An append has its positions, of which this is the first.
    Open(Position),
    Committed,
    RolledBack,
}

impl HeldAppend {
    pub(crate) fn new(shared: &Arc<Shared>, stage: Stage) -> Self {
        Self { shared: shared.clone(), stage: Arc::new(watch::Sender::new(stage)) }
    }

    pub(crate) fn of_the_next_append(shared: &Arc<Shared>) -> Self {
        let held = Self::new(shared, Stage::Awaited);
        shared.lock().holds.push_back(held.stage.clone());
        held
    }

    /// Returns once an append is being held.
    pub async fn under_way(&self) {
        let mut stage = self.stage.subscribe();
        stage.wait_for(|stage| *stage != Stage::Awaited).await.expect("the sender lives as long as self");
    }

    /// Commits the append. If none has come, none will be held.
    pub fn release(self) {
        self.settle(Stage::Committed);
    }

    /// Makes the append as if it had never been, but for its positions, which are never used again. Its caller is
    /// told [`StoreError::Unavailable`](es_core::StoreError::Unavailable). If none has come, none will be held.
    pub fn roll_back(self) {
        self.settle(Stage::RolledBack);
    }

    fn settle(&self, end: Stage) {
        let mut state = self.shared.lock();
        let stage = *self.stage.borrow();
        match stage {
            Stage::Awaited => state.holds.retain(|hold| !Arc::ptr_eq(hold, &self.stage)),
            Stage::Open(first) => {
                let transaction = state.log.open.remove(&first).expect("an open append is settled once");
                if end == Stage::Committed {
                    state.log.commit(transaction);
                }
            }
            Stage::Committed | Stage::RolledBack => return,
        }
        self.stage.send_replace(end);
        drop(state);
        self.shared.settled.notify_waiters();
        // Also after a rollback: readers may go on to what was committed behind it.
        self.shared.wake_ups.wake();
    }
}

impl Drop for HeldAppend {
    fn drop(&mut self) {
        self.settle(Stage::RolledBack);
    }
}

impl fmt::Debug for HeldAppend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldAppend").field("stage", &*self.stage.borrow()).finish_non_exhaustive()
    }
}

impl Stage {
    pub(crate) fn open(log: &mut Log, transaction: Transaction) -> Self {
        let first = transaction.rows[0].position;
        log.open.insert(first, transaction);
        Self::Open(first)
    }

    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack)
    }
}

/// Small numbers at random, the same ones for the same seed.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// How long an append is open: every fourth commits at once, the others within 15 turns.
    pub(crate) fn turns_to_wait(&self) -> u64 {
        if self.below(4) == 0 { 0 } else { 1 + self.below(15) }
    }

    /// How many positions are lost before an append, as a rollback loses them: three times in four none.
    pub(crate) fn positions_to_skip(&self) -> u64 {
        if self.below(4) == 0 { 1 + self.below(3) } else { 0 }
    }

    /// SplitMix64: the counter walks through all numbers, and the mixing makes its low and high bits equally good.
    fn below(&self, bound: u64) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
