//! [`Projector`].

mod any;
mod at;
mod attend;
mod batch_target;
mod bench;
mod catch_up;
mod check;
mod error;
mod fold;
mod fold_ahead;
mod follow;
mod give_back;
mod lag;
pub(crate) mod letters;
mod metrics;
mod own_code;
pub(crate) mod pages;
mod parking;
mod progress;
mod rebuild;
pub(crate) mod retry;
mod shards;
mod target;
mod traces;
mod views;

pub use any::AnyProjector;
pub use batch_target::{BatchTarget, NotApplied};
pub use check::{Comparison, Difference};
pub use error::{ProjectorError, Stall};
pub use fold_ahead::{FoldAhead, Held};
pub use own_code::OwnCode;
pub use parking::Parking;
pub use progress::Progress;
pub use retry::Retried;
pub use target::Target;

use crate::{Commit, InvalidName, Position, Projection, ProjectionId, Store};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use views::ViewTarget;

/// Runs one projection: follows the log, keeps its views and its checkpoint, rebuilds them.
///
/// Each event is applied exactly once: the views of a batch and its checkpoint commit together, fenced by the epoch
/// of whoever holds the lease. Any number of projectors, in any number of processes, may be started for one projection;
/// one of them works at a time on each of its [shards](Self::with_shards), of which there is one unless you say otherwise.
#[derive(Debug)]
pub struct Projector<P> {
    any: AnyProjector,
    projects: PhantomData<fn() -> P>,
}

impl<P> Clone for Projector<P> {
    fn clone(&self) -> Self {
        Self { any: self.any.clone(), projects: PhantomData }
    }
}

impl<P: Projection> Projector<P> {
    /// A projector of `P` on `store`, which may be any store or an `Arc<dyn Store>`.
    ///
    /// # Panics
    /// When `P::NAME` leaves the alphabet of names: see [`try_new`](Self::try_new).
    pub fn new(store: impl Store) -> Self {
        Self::try_new(store).expect("the name of a projection is lower case letters, digits, `_` and `.`")
    }

    /// As [`new`](Self::new), for a name that is not known to be one.
    ///
    /// # Errors
    /// [`InvalidName`] when `P::NAME` leaves the alphabet of names.
    pub fn try_new(store: impl Store) -> Result<Self, InvalidName> {
        Self::on(Arc::new(store))
    }

    /// The same on this very store, and not on one around it.
    pub(crate) fn on(store: Arc<dyn Store>) -> Result<Self, InvalidName> {
        let projection = ProjectionId::new(P::NAME, P::VERSION)?;
        let any = AnyProjector::new(store, projection, |store| Box::new(ViewTarget::<P>::new(store)));
        Ok(Self { any: any.divisible(), projects: PhantomData })
    }

    /// Sets how many events are read, folded and committed at a time; 1,000 by default. A rebuild reads and folds as many at a time,
    /// 10,000 by default, and commits many batches [together](AnyProjector::with_rebuild_bytes_max).
    #[must_use]
    pub fn with_batch_events_max(self, batch_events_max: usize) -> Self {
        Self { any: self.any.with_batch_events_max(batch_events_max), ..self }
    }

    /// Sets how long the lease holds when its owner is gone, which is how long another one waits after a crash; 2 seconds
    /// by default. Longer than a batch takes. It only saves work: see [`CheckpointStore`](crate::CheckpointStore).
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { any: self.any.with_lease(lease), ..self }
    }

    /// Sets how long to wait before looking at the log although nothing has woken the projector; 100 ms by default.
    #[must_use]
    pub fn with_poll_interval(self, poll_interval: Duration) -> Self {
        Self { any: self.any.with_poll_interval(poll_interval), ..self }
    }

    /// Sets into how many shards the read model is divided when it is made; 1 by default, and at most
    /// [`Slices::COUNT`](crate::Slices::COUNT). Each shard has a part of the views' keys and a worker of its own, which reads the whole
    /// log; processes share them. A read model that is there already stays as it is: [`AnyProjector::divide`] divides it
    /// anew at any time.
    ///
    /// Of several shards, none can tell whether it has an event that cannot be decoded or has no key. They halt there, also
    /// where the projection [parks](crate::OnFailure) what it cannot take.
    #[must_use]
    pub fn with_shards(self, shards: u16) -> Self {
        Self { any: self.any.with_shards(shards), ..self }
    }

    /// Follows the log up to where its end is now, or waits while another owner does, and gives that position.
    ///
    /// # Errors
    /// [`ProjectorError`]; the read model is as it was after the last whole batch.
    pub async fn catch_up(&self) -> Result<Position, ProjectorError> {
        self.any.catch_up().await
    }

    /// Follows the log until `shutdown` is cancelled, then finishes the batch and gives the lease back. What is
    /// transient is tried again for ever, with back-off; what is not halts the projector.
    ///
    /// # Errors
    /// [`ProjectorError`], for which the projector halted; it is kept with the checkpoint, for people to see.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        self.any.run(shutdown).await
    }

    /// Replays the log into a second read model beside the live one, and puts it in its place in one transaction.
    /// Readers never see a half-built view. A build that was killed is dropped and begun anew: the program may have
    /// changed since. [`resume_rebuild`](Self::resume_rebuild) goes on with it.
    ///
    /// # Errors
    /// [`ProjectorError::Held`] when it is being rebuilt elsewhere, which takes up to one lease to find out; others as in
    /// [`catch_up`](Self::catch_up).
    pub async fn rebuild(&self) -> Result<Progress, ProjectorError> {
        self.any.rebuild(|_| ()).await
    }

    /// As [`rebuild`](Self::rebuild), but goes on where one was killed. Right only when the same program began it: what
    /// that one has built stays as it is.
    ///
    /// # Errors
    /// As [`rebuild`](Self::rebuild).
    pub async fn resume_rebuild(&self) -> Result<Progress, ProjectorError> {
        self.any.resume_rebuild(|_| ()).await
    }

    /// The view with this key.
    ///
    /// # Errors
    /// [`ProjectorError`] when the store or the view cannot be read.
    pub async fn get(&self, key: &P::Key) -> Result<Option<P>, ProjectorError> {
        let key = key.to_string();
        let found = self.any.store().view(self.any.projection(), &key).await;
        let found = found.map_err(|error| self.any.cannot_go_on(error))?;
        found.map(|view| self.decode(&key, &view)).transpose()
    }

    /// At most `limit` keys and views behind the key `after`, in the order of the keys' bytes.
    ///
    /// # Errors
    /// [`ProjectorError`] when the store, a key or a view cannot be read.
    pub async fn list(
        &self,
        after: Option<&P::Key>,
        limit: usize,
    ) -> Result<Vec<(P::Key, P)>, ProjectorError> {
        let after = after.map(ToString::to_string);
        let found = self.any.store().views(self.any.projection(), after.as_deref(), limit).await;
        let found = found.map_err(|error| self.any.cannot_go_on(error))?;
        let parse = |(key, view): (String, String)| {
            let view = self.decode(&key, &view)?;
            let parsed = key
                .parse()
                .map_err(|_| unreadable(self.any.projection(), &key, None, "its key does not parse"))?;
            Ok((parsed, view))
        };
        found.into_iter().map(parse).collect()
    }

    /// Returns when the read model has everything up to `position`: with
    /// [`Committed::position`](crate::Committed::position) one reads one's own write.
    ///
    /// # Errors
    /// [`ProjectorError::Behind`] when it has not after `timeout`, with how far it is.
    pub async fn wait_for(&self, position: Position, timeout: Duration) -> Result<(), ProjectorError> {
        self.any.wait_for(position, timeout).await
    }

    /// The same projector without the type of its projection, for a list of several.
    pub fn any(&self) -> &AnyProjector {
        &self.any
    }

    fn decode(&self, key: &str, view: &str) -> Result<P, ProjectorError> {
        serde_json::from_str(view)
            .map_err(|_| unreadable(self.any.projection(), key, None, "its JSON does not fit"))
    }
}

fn unreadable(
    projection: &ProjectionId,
    key: &str,
    position: Option<Position>,
    reason: &'static str,
) -> ProjectorError {
    ProjectorError::View { projection: projection.clone(), key: key.to_owned(), position, reason }
}

/// Commits, and says of which projection it is where that fails.
pub(crate) async fn commit(store: &Arc<dyn Store>, commit: Commit) -> Result<(), ProjectorError> {
    let projection = commit.grant.projection.clone();
    store.commit(commit).await.map_err(|error| ProjectorError::commit(&projection, error))
}
