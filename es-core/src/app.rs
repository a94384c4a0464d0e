//! [`App`].

use crate::projector::pages::Pages;
use crate::reactor::ReactorTarget;
use crate::{
    Aggregate, AnyProjector, Position, Projection, ProjectionId, Projector, ProjectorError, Reactor,
    Repository, StartFrom, Store, StoreError, Target, Version,
};
use chrono::{DateTime, Utc};
use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// One place where an application says what it is made of: its store, its aggregates, its projections. What runs,
/// replays and shows them learns it from here.
///
/// ```
/// # use es_core::{Aggregate, App, Apply, Event, Fate, Id, KeyError, Projection, Recorded};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Opened }
/// # #[derive(Aggregate, Serialize)]
/// # #[aggregate(event = AccountEvent, error = std::fmt::Error)]
/// # struct Account { id: Id<Account> }
/// # impl Apply<AccountEvent> for Account { fn apply(&mut self, _: &AccountEvent) {} }
/// # #[derive(Default, Serialize, Deserialize)]
/// # struct Movements(u32);
/// # impl Projection for Movements {
/// #     const NAME: &'static str = "movements";
/// #     type Event = AccountEvent;
/// #     type Key = Id<Account>;
/// #     fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
/// #         Ok([event.stream.id::<Account>()?])
/// #     }
/// #     fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate { Fate::Keep }
/// # }
/// # async fn example() -> Result<(), es_core::ProjectorError> {
/// let app = App::new(es_memory::MemoryStore::default()).aggregate::<Account>().projection::<Movements>();
/// app.catch_up().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct App {
    store: Arc<dyn Store>,
    aggregates: Vec<AnyAggregate>,
    projectors: Vec<AnyProjector>,
    reactors: Vec<AnyProjector>,
}

impl App {
    /// An application on `store`, which may be any store or an `Arc<dyn Store>`.
    pub fn new(store: impl Store) -> Self {
        Self { store: Arc::new(store), aggregates: Vec::new(), projectors: Vec::new(), reactors: Vec::new() }
    }

    /// Adds an aggregate, whose states can then be shown as JSON.
    #[must_use]
    pub fn aggregate<A: Aggregate + Serialize>(mut self) -> Self {
        self.aggregates.push(AnyAggregate { name: A::NAME, show: show::<A> });
        self
    }

    /// Adds a projection.
    ///
    /// # Panics
    /// When one with the same name and version is there already, or the name leaves the alphabet of names.
    #[must_use]
    pub fn projection<P: Projection>(self) -> Self {
        let projector = Projector::<P>::on(self.store.clone());
        let projector =
            projector.expect("the name of a projection is lower case letters, digits, `_` and `.`");
        self.projector(projector.any().clone())
    }

    /// Adds a projector: one with settings of its own, or one that a store offers for projections in SQL.
    ///
    /// # Panics
    /// When one of the same projection is there already.
    #[must_use]
    pub fn projector(mut self, projector: AnyProjector) -> Self {
        self.assert_new(&projector);
        self.projectors.push(projector);
        self
    }

    /// Adds a reactor, and says where it starts when it has never run before: after that it goes on where it was.
    ///
    /// # Panics
    /// When a projection or a reactor with the same name is there already, or the name leaves the alphabet of names.
    #[must_use]
    pub fn reactor<R: Reactor>(mut self, reactor: R, start: StartFrom) -> Self {
        let name = ProjectionId::new(R::NAME, 1);
        let name = name.expect("the name of a reactor is lower case letters, digits, `_` and `.`");
        let reactor = Arc::new(reactor);
        let target = move |store| -> Box<dyn Target> { Box::new(ReactorTarget::new(store, reactor.clone())) };
        let runner = AnyProjector::new(self.store.clone(), name, target).beginning(start);
        self.assert_new(&runner);
        self.reactors.push(runner);
        self
    }

    fn assert_new(&self, added: &AnyProjector) {
        let mut known = self.followers();
        let twice = known.any(|known| known.projection() == added.projection());
        assert!(!twice, "projection {} is declared twice: rename one of them", added.projection());
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The aggregates, in the order they were added.
    pub fn aggregates(&self) -> &[AnyAggregate] {
        &self.aggregates
    }

    /// The projectors, in the order they were added.
    pub fn projectors(&self) -> &[AnyProjector] {
        &self.projectors
    }

    /// The names of the reactors, in the order they were added.
    pub fn reactors(&self) -> impl Iterator<Item = &ProjectionId> {
        self.reactors.iter().map(AnyProjector::projection)
    }

    /// All that follows the log: the read models, then the reactors.
    pub fn followers(&self) -> impl Iterator<Item = &AnyProjector> {
        self.projectors.iter().chain(&self.reactors)
    }

    /// Brings all read models up to the end of the log, side by side. Reactors
    /// are left alone.
    ///
    /// # Errors
    /// The first [`ProjectorError`], after all others have done what they could.
    pub async fn catch_up(&self) -> Result<(), ProjectorError> {
        let projectors = self.projectors.iter();
        each_on_its_own(projectors, |projector| async move { projector.catch_up().await.map(drop) }).await
    }

    /// Keeps all read models up to date, and lets the reactors react, until `shutdown` is cancelled, as
    /// [`AnyProjector::attend`] does: one that halts does not stop the others, and goes on when it is resumed. Those at
    /// the end of the log share one reader; one that is behind reads for itself.
    ///
    /// # Errors
    /// The first [`ProjectorError`] for which one was halted at the `shutdown`.
    pub async fn run(&self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let pages = Arc::new(Pages::of(self.store.clone()));
        each_on_its_own(self.followers(), |follower| {
            // Another store may have another log, or show it in another way.
            let shares = Arc::ptr_eq(follower.store(), &self.store);
            let follower = if shares { follower.reading(pages.clone()) } else { follower };
            let shutdown = shutdown.clone();
            async move { follower.attend(shutdown).await }
        })
        .await
    }

    /// Returns when the read model of `P` has everything up to `position`: with
    /// [`Committed::position`](crate::Committed::position) one reads one's own write.
    ///
    /// # Errors
    /// [`ProjectorError::Behind`] when it has not after `timeout`, with how far it is and what holds it back;
    /// [`ProjectorError::NotDeclared`] when the application has no such projection.
    pub async fn wait_for<P: Projection>(
        &self,
        position: Position,
        timeout: Duration,
    ) -> Result<(), ProjectorError> {
        let is_wanted = |projector: &&AnyProjector| {
            let projection = projector.projection();
            projection.name() == P::NAME && projection.version() == P::VERSION
        };
        let not_declared = || ProjectorError::NotDeclared { name: P::NAME, version: P::VERSION };
        let projector = self.projectors.iter().find(is_wanted).ok_or_else(not_declared)?;
        projector.wait_for(position, timeout).await
    }
}

/// Runs `work` for each, in a task of its own so that they use several cores.
async fn each_on_its_own<'a, W>(
    projectors: impl Iterator<Item = &'a AnyProjector>,
    work: impl Fn(AnyProjector) -> W,
) -> Result<(), ProjectorError>
where
    W: Future<Output = Result<(), ProjectorError>> + Send + 'static,
{
    let tasks = projectors.cloned().map(|projector| tokio::spawn(work(projector)));
    let outcomes = join_all(tasks.map(AbortOnDropHandle::new)).await;
    for outcome in outcomes {
        match outcome {
            Ok(done) => done?,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_) => (),
        }
    }
    Ok(())
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("aggregates", &self.aggregates)
            .field("projectors", &self.projectors)
            .finish_non_exhaustive()
    }
}

/// An [`Aggregate`] without its type.
#[derive(Clone, Copy)]
pub struct AnyAggregate {
    name: &'static str,
    show: Show,
}

type Show = for<'a> fn(Arc<dyn Store>, &'a str, Moment) -> BoxFuture<'a, Result<Shown, StoreError>>;

/// Which state of an aggregate to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// As it is.
    Now,
    /// As it was at a version.
    Version(Version),
    /// As it was at a time, by the store's clock.
    Time(DateTime<Utc>),
}

/// A state as JSON, for a person who asked for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// The state.
    pub state: String,
    /// How many events it is made of.
    pub version: Version,
}

impl AnyAggregate {
    /// The category of its streams.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The state of the one with this key.
    ///
    /// # Errors
    /// [`StoreError`] when the key is none, or the stream cannot be read or decoded.
    pub async fn show(&self, store: Arc<dyn Store>, key: &str, moment: Moment) -> Result<Shown, StoreError> {
        (self.show)(store, key, moment).await
    }
}

impl fmt::Debug for AnyAggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyAggregate").field(&self.name).finish()
    }
}

fn show<A: Aggregate + Serialize>(
    store: Arc<dyn Store>,
    key: &str,
    moment: Moment,
) -> BoxFuture<'_, Result<Shown, StoreError>> {
    Box::pin(async move {
        let unusable = |reason: String| StoreError::Unusable(reason);
        let id: A::Id =
            key.parse().map_err(|error| unusable(format!("`{key}` is no id of {}: {error}", A::NAME)))?;
        let repository = Repository::<A>::new(store);
        let loaded = match moment {
            Moment::Now => repository.load(&id).await,
            Moment::Version(version) => repository.load_at(&id, version).await,
            Moment::Time(time) => repository.load_as_of(&id, time).await,
        }?;
        let state = serde_json::to_string(&loaded.state);
        let state = state.map_err(|_| unusable(format!("the state of `{key}` has no JSON form")))?;
        Ok(Shown { state, version: loaded.version })
    })
}
