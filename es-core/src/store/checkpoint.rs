//! [`CheckpointStore`]: who may move a projection's checkpoint, and where it is.

use crate::name::{self, NameKind};
use crate::{Cursor, Generation, InvalidName, LetterChange, Position, Shard, Slices, StoreError};
use async_trait::async_trait;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Where the progress of projections is kept, with the epoch of who may move it.
///
/// A *generation* is one build of a read model. The live one is read by everybody; one that is building grows beside
/// it until it takes its place. It is divided into [shards](Shard). Each shard has a lease, which saves work, and an
/// epoch, which grows at every grant and is compared inside every transaction that writes: a former owner that wakes up
/// late writes nothing.
#[async_trait]
pub trait CheckpointStore: Send + Sync + 'static {
    /// Takes the lease of a shard of a generation, which is made with as many shards where it does not exist; nothing when
    /// another owner holds it and [`takes_over`](Lease::takes_over) is not set, when the live one is paused, or when it is
    /// divided in another way. The grant has a new epoch, also for the same owner, and a halt is forgotten, but for one who
    /// takes over.
    ///
    /// A shard that was put together from others is granted in [parts](Grant::until) until these are at one row.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError>;

    /// Writes the views and dead letters of a batch and moves the checkpoint from the grant's cursor to `commit.to` in
    /// one transaction, and renews the lease, also one that is over but was not granted to anybody since. Without views and
    /// with the same cursor it just renews.
    ///
    /// # Errors
    /// [`CommitError::Fenced`] when the epoch or the checkpoint is another one, the generation is gone, or `commit.to` lies
    /// behind the checkpoint; nothing was written then.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;

    /// How many bytes of views a build holds before it commits them together, unless it is told otherwise: as many as one commit
    /// may bring without holding up those of others.
    fn held_bytes_max(&self) -> usize {
        4 * 1024 * 1024
    }

    /// Gives the lease back, and says why the projector halted, if it did. A later owner's lease is left alone, and a
    /// halt that is known already stays; so does that of an owner from whom the lease was taken over.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError>;

    /// Keeps what the projector failed with and tries again after, beside the checkpoint of the grant, in the place of the
    /// [failure](crate::Failure) before. A former owner changes nothing. A division copies it; of checkpoints that become one, the
    /// latest stays.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError>;

    /// Puts the generation that is building in the place of the live one, in one transaction, and divides it as that was,
    /// or in one shard where there was none or a stream waits in it. All its shards are at the row of the grant, which is
    /// the one that was taken last. The one that was live is
    /// kept, for [`roll_back`](Self::roll_back), and one that was kept before is dropped; tables of the application's own
    /// are not kept. Both leases end, and with
    /// them both grants.
    ///
    /// # Errors
    /// [`CommitError::Behind`] when the live one has read further in this log; one whose last row is not in the log, as
    /// after a restore, is replaced. [`CommitError::Fenced`] as in a commit, and when a shard is at another row.
    async fn swap(&self, grant: &Grant) -> Result<(), CommitError>;

    /// Drops the generation that is building, with all its shards.
    ///
    /// # Errors
    /// [`CommitError::Fenced`] as in a commit.
    async fn discard(&self, grant: &Grant) -> Result<(), CommitError>;

    /// Divides a generation into `count` shards and ends its grants, if it was divided in another way. Each key goes on where
    /// it was. Says whether there is such a generation.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it is to have more than one, and a [stream](crate::LetterQueue::Stream) waits in it: nobody could
    /// tell which of them has its events. Others when the store failed.
    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError>;

    /// Lets nobody take a lease of the live generation until [`resume`](Self::resume), also of one that is put in its
    /// place, and ends the grant that there is. Says whether there is a live generation.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError>;

    /// Ends the pause of the live generation, and forgets its halt. Says whether there is a live generation.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError>;

    /// Exchanges the live generation and the one that was kept; the pause stays, and a halt is forgotten. Both grants end.
    /// Says whether there was one that was kept. It has not followed the log since, and catches up now.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError>;

    /// Drops a generation whoever holds its lease, with its views and its dead letters. Says whether there was one. Tables
    /// of the application's own stay.
    ///
    /// # Errors
    /// [`StoreError`] when the store failed.
    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError>;

    /// All generations, by projection: the live one first, then one that was kept, then one that is building.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    async fn generations(&self) -> Result<Vec<Generation>, StoreError>;
}

/// A projection's name and version: two versions have read models of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectionId {
    name: String,
    version: u32,
}

impl ProjectionId {
    /// The projection with this name (lower case letters, digits, `_` and `.`) and version.
    ///
    /// # Errors
    /// [`InvalidName`] when the name leaves its alphabet or is too long.
    pub fn new(name: &str, version: u32) -> Result<Self, InvalidName> {
        name::check_dotted(NameKind::ProjectionName, name)?;
        Ok(Self { name: name.to_owned(), version })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version.
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for ProjectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.name, self.version)
    }
}

/// The store's number for one build of a read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationId(i64);

impl GenerationId {
    /// The generation with this number.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn value(self) -> i64 {
        self.0
    }
}

/// Whether a generation is the one that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Everybody reads it.
    Live,
    /// It grows beside the live one.
    Building,
    /// It was live before; nobody follows the log for it, and nobody reads it.
    Kept,
}

impl GenerationState {
    /// Its name, as stores keep it and metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Building => "building",
            Self::Kept => "kept",
        }
    }

    /// The state with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Live, Self::Building, Self::Kept].into_iter().find(|state| state.as_str() == name)
    }
}

/// Who wants a lease of which generation, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The generation: the live one or the one that is building. Nobody gets a lease of one that is kept.
    pub of: GenerationState,
    /// The shard.
    pub shard: Shard,
    /// A new id at every start of a projector.
    pub owner: Uuid,
    /// How long it holds without being renewed, by the store's own clock.
    pub duration: Duration,
    /// The row behind which the generation begins if it is made by this; none: at the start of the log.
    pub begin: Option<Cursor>,
    /// Whether it ends the grant of another owner, as a person may ask for. A pause stays.
    pub takes_over: bool,
}

/// The right to move one checkpoint of a generation, until a later epoch is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The projection.
    pub projection: ProjectionId,
    /// The generation.
    pub generation: GenerationId,
    /// The slices that the checkpoint is of.
    pub slices: Slices,
    /// The epoch: every write compares it.
    pub epoch: i64,
    /// The lease it came with.
    pub lease: Lease,
    /// The last row that was finished; none at the start of the log.
    pub cursor: Option<Cursor>,
    /// How far it goes where it is for a part of the [shard](Lease::shard): there the next part is granted, or the whole.
    pub until: Option<Cursor>,
}

impl Grant {
    /// The position of the last row that was finished.
    pub fn position(&self) -> Position {
        self.cursor.map_or(Position::START, |cursor| cursor.position)
    }

    /// What a write by this grant is refused with when the generation is not where the grant believes it to be.
    pub fn fenced(&self) -> CommitError {
        CommitError::Fenced { projection: self.projection.clone(), epoch: self.epoch }
    }
}

/// The effects of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// By what right, and from where.
    pub grant: Grant,
    /// Where the checkpoint goes.
    pub to: Option<Cursor>,
    /// The views that changed.
    pub writes: Vec<ViewWrite>,
    /// What becomes of dead letters.
    pub letters: Vec<LetterChange>,
}

impl Commit {
    /// A commit that moves the checkpoint to `to`, and nothing else: the same place just renews the lease.
    pub fn new(grant: Grant, to: Option<Cursor>) -> Self {
        Self { grant, to, writes: Vec::new(), letters: Vec::new() }
    }
}

/// One view that changed.
#[derive(Clone, PartialEq, Eq)]
pub struct ViewWrite {
    /// Its key.
    pub key: String,
    /// Its exact JSON text; nothing when it is gone.
    pub view: Option<String>,
}

impl fmt::Debug for ViewWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.view.as_ref().map(String::len);
        f.debug_struct("ViewWrite").field("key", &self.key).field("bytes", &bytes).finish()
    }
}

/// Why a batch had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another owner has a later epoch, or the generation has been replaced. Stop, and acquire again.
    #[error(
        "epoch {epoch} of projection {projection} is over: another owner has taken it, nothing was written"
    )]
    Fenced {
        /// The projection.
        projection: ProjectionId,
        /// The epoch that is over.
        epoch: i64,
    },
    /// The live generation has read further than the one that is to take its place: catch up, and swap then.
    #[error("the live generation is at position {live}: catch up before the swap")]
    Behind {
        /// Where the live one is.
        live: Position,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a projector stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// The position of the event it could not get past; of the last one it finished, where no event is to blame.
    pub position: Position,
    /// The chain of errors, without payloads.
    pub cause: String,
}
