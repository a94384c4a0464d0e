//! Working on several shards of a projection at once, in one process beside others.

use super::pages::Pages;
use super::{AnyProjector, ProjectorError};
use crate::{Generation, GenerationState, Grant, Shard};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// Which part of a projector's work is done here.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) shard: Shard,
    /// Those of one process are one owner.
    owner: Option<Uuid>,
    crew: Option<Arc<Crew>>,
}

/// What the workers of one projector share.
struct Crew {
    /// Cancelled when the projection turns out to be divided in another way.
    divided: CancellationToken,
    /// One at a time compares what each process has, and takes a shard from another.
    balance: Mutex<()>,
    /// Whether it takes shards from others: not where it has met an event that it cannot take, and another may.
    takes: AtomicBool,
}

impl Worker {
    /// Alone with a shard, and nobody's fellow.
    pub(super) fn alone(shard: Shard) -> Self {
        Self { shard, owner: None, crew: None }
    }

    /// The same for this owner.
    pub(super) fn owned(self, owner: Uuid) -> Self {
        Self { owner: Some(owner), ..self }
    }

    pub(super) fn owner(&self) -> Uuid {
        self.owner.unwrap_or_else(Uuid::now_v7)
    }

    /// Says whether this process may take shards from others from now on.
    pub(super) fn may_take_shards(&self, takes: bool) {
        if let Some(crew) = &self.crew {
            crew.takes.store(takes, Ordering::Relaxed);
        }
    }
}

impl AnyProjector {
    /// Divides the live read model's keys among `count` workers, which any processes may run; says whether there is a live
    /// read model. They finish their batches and go on, each behind what its keys have. See
    /// [`Projector::with_shards`](super::Projector::with_shards).
    ///
    /// # Errors
    /// [`ProjectorError`] when it cannot be divided, or the store fails.
    pub async fn divide(&self, count: u16) -> Result<bool, ProjectorError> {
        if count > 1 && !self.divisible {
            let reason = "only a projection whose views have keys can be divided into shards".to_owned();
            return Err(self.cannot_go_on(crate::StoreError::Unusable(reason)));
        }
        let divided = self.store.divide(self.projection(), GenerationState::Live, count).await;
        divided.map_err(|source| self.cannot_go_on(source))
    }

    /// The same for one shard.
    pub(super) fn on(&self, shard: Shard) -> Self {
        self.working(Worker::alone(shard), self.pages.clone())
    }

    /// Into how many shards the live generation is divided, or will be when it is made.
    pub(super) async fn shard_count(&self) -> Result<u16, ProjectorError> {
        let live = self.generation(GenerationState::Live).await?;
        Ok(live.map_or(self.shards, |live| live.shards))
    }

    /// Lets a worker do `work` for each shard of the live generation until `shutdown`, and others when it is divided in
    /// another way.
    pub(super) async fn each_shard<W>(
        &self,
        shutdown: CancellationToken,
        work: impl Fn(Self, CancellationToken) -> W,
    ) -> Result<(), ProjectorError>
    where
        W: Future<Output = Result<(), ProjectorError>> + Send + 'static,
    {
        let (owner, mut takes) = (Some(Uuid::now_v7()), true);
        while !shutdown.is_cancelled() {
            // A store that cannot be read is found out by the workers.
            let count = self.shard_count().await.unwrap_or(self.shards);
            let (round, divided) = (shutdown.child_token(), CancellationToken::new());
            let crew = Crew { divided: divided.clone(), balance: Mutex::default(), takes: takes.into() };
            let crew = Arc::new(crew);
            let fellow = |shard| Worker { shard, owner, crew: Some(crew.clone()) };
            let pages =
                self.pages.clone().or_else(|| (count > 1).then(|| Arc::new(Pages::of(self.store.clone()))));
            let one = |shard| self.working(fellow(shard), pages.clone());
            self.metrics.generation(GenerationState::Live).hide_all();
            let outcome = {
                let mut all =
                    std::pin::pin!(all_shards(count, &round, |shard| work(one(shard), round.clone())));
                tokio::select! {
                    outcome = &mut all => outcome,
                    () = divided.cancelled() => {
                        round.cancel();
                        all.await
                    }
                }
            };
            if !divided.is_cancelled() {
                return outcome;
            }
            takes = crew.takes.load(Ordering::Relaxed);
            tracing::info!(projection = %self.projection(), "the projection is divided in another way");
        }
        Ok(())
    }

    /// Sees what became of a shard that could not be taken. It is taken from a process that has two more than this one.
    pub(super) async fn look_around(&self) -> Result<Option<Grant>, ProjectorError> {
        let Worker { shard, crew: Some(crew), .. } = &self.worker else { return Ok(None) };
        let _alone = crew.balance.lock().await;
        let Some(live) = self.generation(GenerationState::Live).await? else { return Ok(None) };
        if live.shards != shard.of() {
            crew.divided.cancel();
            return Ok(None);
        }
        if !crew.takes.load(Ordering::Relaxed) || !self.has_too_few(&live) {
            return Ok(None);
        }
        tracing::info!(projection = %self.projection(), %shard, "takes a shard from a process that has more");
        let grant = self.grant_taken_over(GenerationState::Live).await?;
        // A halt that came in between is not a person's to keep: it is forgotten with the lease.
        Ok(grant.map(|mut grant| {
            grant.lease.takes_over = false;
            grant
        }))
    }

    /// Whether the owner of this worker's shard has two shards more than this worker's process.
    fn has_too_few(&self, live: &Generation) -> bool {
        let mut counts = HashMap::<_, u16>::new();
        let mut of_this = None;
        for shard in Shard::all(live.shards) {
            let owner = live.checkpoints_of(shard).find_map(|checkpoint| checkpoint.owner);
            if let Some(owner) = owner {
                *counts.entry(owner).or_default() += 1;
            }
            if shard == self.worker.shard {
                of_this = owner;
            }
        }
        let count =
            |owner: Option<Uuid>| owner.and_then(|owner| counts.get(&owner)).copied().unwrap_or_default();
        let mine = count(self.worker.owner);
        of_this != self.worker.owner && count(of_this) >= mine + 2
    }
}

/// Waits for the work on each shard, in a task of its own where there are several. The first that fails ends the round.
async fn all_shards<W>(
    count: u16,
    round: &CancellationToken,
    work: impl Fn(Shard) -> W,
) -> Result<(), ProjectorError>
where
    W: Future<Output = Result<(), ProjectorError>> + Send + 'static,
{
    if count <= 1 {
        return work(Shard::WHOLE).await;
    }
    let workers = Shard::all(count).map(|shard| {
        let task = AbortOnDropHandle::new(tokio::spawn(work(shard)));
        async {
            let outcome = task.await;
            if !matches!(outcome, Ok(Ok(()))) {
                round.cancel();
            }
            outcome
        }
    });
    for outcome in join_all(workers).await {
        match outcome {
            Ok(done) => done?,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_) => (),
        }
    }
    Ok(())
}
