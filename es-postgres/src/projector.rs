//! Running a [`PgProjection`].

use crate::errors::Failed;
use crate::generation_tables::{Unowned, begin_and_move, still_open};
use crate::session::fetch;
use crate::{PgProjection, PostgresStore, Tables, letters};
use async_trait::async_trait;
use es_core::{
    AnyProjector, BatchTarget, Commit, CommitError, Comparison, Cursor, Filter, Generation, Grant,
    InvalidName, LetterChange, NotApplied, Parking, Payload, ProjectionId, ProjectorError, Recorded, Store,
    StoreError, Target,
};
use sqlx::PgConnection;
use std::marker::PhantomData;
use std::sync::Arc;

/// A projector of `P` on its store; [`App::projector`](es_core::App::projector) takes it.
///
/// # Errors
/// [`InvalidName`] when `P::NAME` leaves the alphabet of names.
pub fn projector<P: PgProjection>(store: &PostgresStore) -> Result<AnyProjector, InvalidName> {
    let projection = ProjectionId::new(P::NAME, P::VERSION)?;
    let postgres = store.clone();
    Ok(AnyProjector::new(Arc::new(store.clone()), projection, move |shared| {
        let filter = P::filter();
        let tables = TablesTarget::<P> { postgres: postgres.clone(), shared, filter, projects: PhantomData };
        Box::new(Parking::new(tables, P::ON_FAILURE))
    }))
}

/// Gives the events of a batch to `P`, in the transaction that moves the checkpoint.
struct TablesTarget<P> {
    postgres: PostgresStore,
    shared: Arc<dyn Store>,
    filter: Filter,
    projects: PhantomData<fn() -> P>,
}

#[async_trait]
impl<P: PgProjection> Target for TablesTarget<P> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.shared
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn begin(&mut self, grant: &Grant) -> Result<(), ProjectorError> {
        let created = self.postgres.create_tables(grant, P::TABLES, P::create(&Tables::of(grant))).await;
        created.map_err(|error| ProjectorError::commit(&grant.projection, error))
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        Ok(self.apply_with(grant, events, Some(to), Vec::new()).await?)
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.postgres.swap_tables(grant, P::TABLES, Unowned::Refused).await
    }

    async fn compare(&self, live: &Generation, grant: &Grant) -> Result<Comparison, StoreError> {
        self.postgres.compare_tables(live, grant, P::TABLES).await
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.postgres.discard_tables(grant, P::TABLES).await
    }
}

#[async_trait]
impl<P: PgProjection> BatchTarget for TablesTarget<P> {
    async fn apply_with(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Option<Cursor>,
        letters: Vec<LetterChange>,
    ) -> Result<(), NotApplied> {
        let decode = |event: Recorded<Payload>| {
            event.decode().map_err(|error| ProjectorError::undecodable(&grant.projection, error))
        };
        let events: Result<Vec<Recorded<P::Event>>, _> = events.into_iter().map(decode).collect();
        let events = events.map_err(NotApplied::ByEvent)?;
        let commit = Commit { letters, ..Commit::new(grant.clone(), to) };
        let committed = if events.is_empty() {
            self.shared.commit(commit).await.map_err(NotCommitted::Ended)
        } else {
            let (store, late) = (self.postgres.clone(), came_not_back::<P>(&grant.projection, &events));
            let batch = self
                .postgres
                .connections()
                .transaction(move |connection| Box::pin(batch::<P>(store, connection, commit, events)));
            // What is dropped here is undone, as any call that nobody waits for.
            tokio::time::timeout(P::TIME_LIMIT, batch).await.map_err(|_| NotApplied::ByEvent(late))?
        };
        committed.map_err(|error| error.of(&grant.projection))
    }
}

/// What is told of these events if their transaction takes too long.
fn came_not_back<P: PgProjection>(
    projection: &ProjectionId,
    events: &[Recorded<P::Event>],
) -> ProjectorError {
    let how = format!("has not come back after {:?}", P::TIME_LIMIT);
    match events {
        [event] => ProjectorError::own_code(projection, Some(event), how),
        several => {
            let reason = format!("its code {how}, at one of {} events", several.len());
            ProjectorError::store(projection, StoreError::Unusable(reason))
        }
    }
}

/// Compares the epoch and moves the checkpoint first, so that an owner that was replaced does not even try.
async fn batch<P: PgProjection>(
    store: PostgresStore,
    connection: &mut PgConnection,
    commit: Commit,
    events: Vec<Recorded<P::Event>>,
) -> Result<(), NotCommitted> {
    let Commit { grant, to, letters, .. } = commit;
    let transaction = begin_and_move(&store, connection, &grant, to).await?;
    let applied = P::apply(&events, &Tables::of(&grant), connection).await;
    applied.map_err(|error| NotCommitted::by_projection(Failed::under_way(error)))?;
    if !letters.is_empty() {
        let changes = letters::change(store.sql(), grant.generation, letters)?;
        fetch(connection, changes).await.map_err(StoreError::from)?;
    }
    Ok(still_open(&store, connection, &transaction).await?)
}

/// Why a batch was not committed.
enum NotCommitted {
    /// The values of what the projection writes were refused.
    Refused(Failed),
    Ended(CommitError),
}

impl NotCommitted {
    /// What failed in a statement of the projection's own.
    fn by_projection(failed: Failed) -> Self {
        match failed.refused_values() {
            true => Self::Refused(failed),
            false => Self::Ended(StoreError::from(failed).into()),
        }
    }

    fn of(self, projection: &ProjectionId) -> NotApplied {
        match self {
            Self::Refused(failed) => NotApplied::ByValues {
                reason: failed.refusal().into(),
                error: ProjectorError::store(projection, failed.into()),
            },
            Self::Ended(error) => NotApplied::ByStore(ProjectorError::commit(projection, error)),
        }
    }
}

/// The failure of the transaction as a whole. Its end may refuse values, where a constraint is deferred to it; its beginning
/// does not, without ending the connection.
impl From<Failed> for NotCommitted {
    fn from(failed: Failed) -> Self {
        match failed.refused_values() {
            true => Self::Refused(failed),
            false => Self::Ended(failed.into()),
        }
    }
}

impl From<CommitError> for NotCommitted {
    fn from(error: CommitError) -> Self {
        Self::Ended(error)
    }
}

impl From<StoreError> for NotCommitted {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}
