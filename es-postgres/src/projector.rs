//! Running a [`PgProjection`].

use crate::errors::Failed;
use crate::generation_tables::{Unowned, begin_and_move, still_open};
use crate::{PgProjection, PostgresStore, Tables};
use async_trait::async_trait;
use es_core::{
    AnyProjector, Commit, CommitError, Comparison, Cursor, Filter, Generation, Grant, InvalidName, Payload,
    ProjectionId, ProjectorError, Recorded, Store, StoreError, Target,
};
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
        Box::new(TablesTarget::<P> { postgres: postgres.clone(), shared, filter, projects: PhantomData })
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
        let decode = |event: Recorded<Payload>| {
            event.decode().map_err(|error| ProjectorError::undecodable(&grant.projection, error))
        };
        let events: Vec<Recorded<P::Event>> = events.into_iter().map(decode).collect::<Result<_, _>>()?;
        let committed = if events.is_empty() {
            let commit = Commit::new(grant.clone(), Some(to));
            self.shared.commit(commit).await
        } else {
            let (store, granted) = (self.postgres.clone(), grant.clone());
            self.postgres
                .connections()
                .transaction(move |connection| Box::pin(batch::<P>(store, connection, granted, events, to)))
                .await
        };
        committed.map_err(|error| ProjectorError::commit(&grant.projection, error))
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

/// Compares the epoch and moves the checkpoint first, so that an owner that was replaced does not even try.
async fn batch<P: PgProjection>(
    store: PostgresStore,
    connection: &mut sqlx::PgConnection,
    grant: Grant,
    events: Vec<Recorded<P::Event>>,
    to: Cursor,
) -> Result<(), CommitError> {
    let transaction = begin_and_move(&store, connection, &grant, Some(to)).await?;
    let applied = P::apply(&events, &Tables::of(&grant), connection).await;
    applied.map_err(|error| StoreError::from(Failed::under_way(error)))?;
    still_open(&store, connection, &transaction).await
}
