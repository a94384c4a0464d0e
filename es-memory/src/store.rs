//! [`MemoryStore`].

use crate::checkpoints::Builds;
use crate::late_commits::{Dice, HeldAppend, Stage};
use crate::log::{Log, Visible};
use chrono::{DateTime, SubsecRound, Utc};
use es_core::{Clock, Limits, Snapshot, SnapshotPlace, SystemClock, WakeUpSender};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, watch};

/// Keeps everything in memory: the reference of what a store does, and a store for unit tests.
///
/// A clone shares the log.
///
/// ```
/// use es_core::{Append, EventId, EventStore, Expected, Metadata, NewEvent, Payload, StreamId, StreamRange};
/// use es_memory::MemoryStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::default();
/// let stream = StreamId::new("account", "alice")?;
/// let opened = NewEvent {
///     event_id: EventId::new(uuid::Uuid::from_u128(1)),
///     name: "account.opened".into(),
///     schema_version: 1,
///     payload: Payload::new(b"{}".as_slice()),
///     metadata: Metadata::new(),
/// };
/// let append = Append::new(stream.clone(), Expected::Empty, vec![opened]);
///
/// let first = store.append(append.clone()).await?;
/// let again = store.append(append).await?;
///
/// assert!(again.repeated && again.positions == first.positions);
/// assert_eq!(store.read(&stream, StreamRange::default()).await?.events.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct MemoryStore {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Limits,
    pub(crate) visible: Visible,
    pub(crate) late_commits: Option<Arc<Dice>>,
    clock: Arc<dyn Clock>,
}

/// What all clones have in common.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) wake_ups: WakeUpSender,
    /// An open transaction was committed or rolled back.
    pub(crate) settled: Notify,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) log: Log,
    pub(crate) snapshots: BTreeMap<SnapshotPlace, Snapshot>,
    pub(crate) builds: Builds,
    /// Who waits to hold an append, the first in line first.
    pub(crate) holds: VecDeque<Arc<watch::Sender<Stage>>>,
}

impl Default for MemoryStore {
    /// An empty store with the default limits and the machine's clock.
    fn default() -> Self {
        Self {
            shared: Arc::default(),
            limits: Limits::default(),
            visible: Visible::SettledPrefix,
            late_commits: None,
            clock: Arc::new(SystemClock),
        }
    }
}

impl MemoryStore {
    /// Refuses what is larger.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Takes the time that events are recorded at from `clock`. Leases do not depend on it.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Lets appends commit in another order than their positions, and leaves out some positions, as a database with
    /// many writers does. The same `seed` gives the same delays, which are turns of the scheduler and no time.
    ///
    /// Whoever reads the log of such a store must still be given every event, in order.
    pub fn with_late_commits(self, seed: u64) -> Self {
        Self { late_commits: Some(Arc::new(Dice::new(seed))), ..self }
    }

    /// A broken twin with the same log, for tests that must fail: its readers of the whole log also see what lies
    /// behind an append that is not committed yet, and skip that append when they move on.
    ///
    /// A test that looks for lost events proves with it that it would find one.
    pub fn without_settled_prefix(&self) -> Self {
        Self { visible: Visible::EveryCommit, ..self.clone() }
    }

    /// Holds the next append that brings events, between the moment it has its positions and its commit.
    pub fn hold_next_append(&self) -> HeldAppend {
        HeldAppend::of_the_next_append(&self.shared)
    }

    /// The time by the store's clock, in microseconds.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(6)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    /// Nobody awaits while holding this lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a panic while the state was being changed may have left half of a change")
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.lock().log.rows.len();
        f.debug_struct("MemoryStore").field("events", &events).finish_non_exhaustive()
    }
}
