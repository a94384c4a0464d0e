//! Running a [`SqliteProjection`].

use crate::sql_projection::{Statements, Tables};
use crate::tables::NotCommitted;
use crate::{SqliteProjection, SqliteStore, errors, rows, sql};
use async_trait::async_trait;
use es_core::{
    AnyProjector, BatchTarget, Commit, CommitError, Comparison, Cursor, Difference, Filter, Generation,
    Grant, InvalidName, LetterChange, NotApplied, OwnCode, Parking, Payload, ProjectionId, ProjectorError,
    Recorded, Store, StoreError, Target,
};
use sqlx::AssertSqlSafe;
use std::marker::PhantomData;
use std::sync::Arc;

/// A projector of `P` on its store; [`App::projector`](es_core::App::projector) takes it.
///
/// # Errors
/// [`InvalidName`] when `P::NAME` leaves the alphabet of names.
pub fn projector<P: SqliteProjection>(store: &SqliteStore) -> Result<AnyProjector, InvalidName> {
    let projection = ProjectionId::new(P::NAME, P::VERSION)?;
    let sqlite = store.clone();
    Ok(AnyProjector::new(Arc::new(store.clone()), projection, move |shared| {
        let filter = Filter::of::<P::Event>();
        let (sqlite, own_code) = (sqlite.clone(), OwnCode::default());
        let tables =
            TablesTarget::<P> { sqlite, shared, filter, tables: None, own_code, projects: PhantomData };
        Box::new(Parking::new(tables, P::ON_FAILURE))
    }))
}

/// Gives the events of a batch to `P`, and its statements to the transaction that moves the checkpoint.
struct TablesTarget<P> {
    sqlite: SqliteStore,
    shared: Arc<dyn Store>,
    filter: Filter,
    tables: Option<Tables>,
    own_code: OwnCode,
    projects: PhantomData<fn() -> P>,
}

#[async_trait]
impl<P: SqliteProjection> Target for TablesTarget<P> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.shared
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn begin(&mut self, grant: &Grant) -> Result<(), ProjectorError> {
        let created = self.sqlite.create_tables::<P>(grant).await;
        self.tables = Some(created.map_err(|error| ProjectorError::commit(&grant.projection, error))?);
        Ok(())
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
        self.sqlite.swap_tables::<P>(grant).await
    }

    async fn compare(&self, live: &Generation, grant: &Grant) -> Result<Comparison, StoreError> {
        let building = Tables::of(grant);
        let mut compared = 0;
        for table in P::TABLES {
            let query = sqlx::query(AssertSqlSafe(sql::compare_tables(table, &building.name(table))));
            let row = self.sqlite.readers().row(query).await?;
            let counts = row.iter().flat_map(|row| (0..4).map(|column| rows::count(row, column)));
            let counts: Vec<u64> = counts.collect::<Result<_, _>>()?;
            compared += counts[0];
            if counts[0] != counts[1] || counts[2] + counts[3] > 0 {
                let said = |rows: u64, only: u64| Some(format!("{rows} rows, {only} of them only here"));
                return Ok(Comparison::Different(Difference {
                    key: (*table).to_owned(),
                    live: said(counts[0], counts[2]),
                    rebuilt: said(counts[1], counts[3]),
                }));
            }
        }
        Ok(Comparison::Identical { compared, position: live.position() })
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.sqlite.discard_tables::<P>(grant).await
    }
}

#[async_trait]
impl<P: SqliteProjection> BatchTarget for TablesTarget<P> {
    async fn apply_with(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Option<Cursor>,
        letters: Vec<LetterChange>,
    ) -> Result<(), NotApplied> {
        let tables = self.tables.clone().expect("a target begins before it applies");
        let projection = grant.projection.clone();
        let made = self.own_code.for_each(
            (&self.shared, grant),
            P::TIME_LIMIT,
            events,
            Statements::default(),
            move |statements, event| project::<P>(&projection, event, &tables, statements),
        );
        let statements = made.await?;
        let commit = Commit { letters, ..Commit::new(grant.clone(), to) };
        self.sqlite.commit_sql(commit, statements).await.map_err(|error| match error {
            NotCommitted::Refused(failed) => NotApplied::ByValues {
                reason: errors::refusal(&failed.error).into(),
                error: ProjectorError::store(&grant.projection, failed.store_error()),
            },
            NotCommitted::Ended(error) => {
                NotApplied::ByStore(ProjectorError::commit(&grant.projection, error))
            }
        })
    }
}

fn project<P: SqliteProjection>(
    projection: &ProjectionId,
    event: Recorded<Payload>,
    tables: &Tables,
    statements: &mut Statements,
) -> Result<(), ProjectorError> {
    let event = event.decode().map_err(|error| ProjectorError::undecodable(projection, error))?;
    P::project(&event, tables, statements).map_err(|error| ProjectorError::no_key(projection, &event, error))
}
