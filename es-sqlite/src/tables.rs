//! Batches, swaps and drops of [`SqliteProjection`]s, each in one fenced transaction.

use crate::append_batch::json;
use crate::checkpoints::{begin_and_move, write_views};
use crate::errors::{Failure, corrupt};
use crate::generations::{Replaced, begin_and_look_at_both, discard_and_commit, swap_and_commit};
use crate::hop::{HopError, Query, hop, hop_and_commit};
use crate::rows::{optional, value};
use crate::sql_projection::{SqlValue, Statement};
use crate::{SqliteProjection, SqliteStore, Statements, Tables, letters, sql};
use es_core::{Commit, CommitError, GenerationId, Grant, StoreError};
use sqlx::{AssertSqlSafe, SqliteConnection};

impl SqliteStore {
    /// Makes the tables of the generation that was granted, where they do not exist.
    ///
    /// # Errors
    /// [`CommitError::Fenced`] as in a commit; [`StoreError::Unusable`] when a name cannot be used.
    pub(crate) async fn create_tables<P: SqliteProjection>(
        &self,
        grant: &Grant,
    ) -> Result<Tables, CommitError> {
        Tables::check(P::TABLES)?;
        let tables = Tables::of(grant);
        let names: Vec<_> = P::TABLES.iter().map(|table| tables.name(table)).collect();
        let (grant, statements) = (grant.clone(), P::create(&tables));
        self.writer().run(move |connection| Box::pin(create(connection, grant, names, statements))).await?;
        Ok(tables)
    }

    /// Does what [`commit`](es_core::CheckpointStore::commit) does, and runs `statements` in the same transaction.
    ///
    /// # Errors
    /// [`NotCommitted`]; nothing of the batch was written then.
    pub(crate) async fn commit_sql(
        &self,
        commit: Commit,
        statements: Statements,
    ) -> Result<(), NotCommitted> {
        self.writer().run(move |connection| Box::pin(commit_sql(connection, commit, statements))).await
    }

    /// Does what [`swap`](es_core::CheckpointStore::swap) does, and puts the building tables in the place of the live
    /// ones in the same transaction.
    ///
    /// # Errors
    /// As in a swap.
    pub(crate) async fn swap_tables<P: SqliteProjection>(&self, grant: &Grant) -> Result<(), CommitError> {
        Tables::check(P::TABLES)?;
        let (tables, grant) = (Tables::of(grant), grant.clone());
        let text: String =
            P::TABLES.iter().map(|table| sql::replace_table(table, &tables.name(table))).collect();
        let names = P::TABLES.iter().map(ToString::to_string).collect();
        self.writer().run(move |connection| Box::pin(swap(connection, grant, names, text))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }

    /// Does what [`discard`](es_core::CheckpointStore::discard) does, and drops the building tables in the same
    /// transaction.
    ///
    /// # Errors
    /// As in a discard.
    pub(crate) async fn discard_tables<P: SqliteProjection>(&self, grant: &Grant) -> Result<(), CommitError> {
        Tables::check(P::TABLES)?;
        let (tables, grant) = (Tables::of(grant), grant.clone());
        let text: String = P::TABLES.iter().map(|table| sql::drop_table(&tables.name(table))).collect();
        self.writer().run(move |connection| Box::pin(discard(connection, grant, text))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }
}

async fn create(
    connection: &mut SqliteConnection,
    grant: Grant,
    names: Vec<String>,
    statements: Vec<String>,
) -> Result<(), CommitError> {
    begin_and_move(connection, &grant, grant.cursor).await?;
    let found = owned(connection, &names, Some(grant.generation)).await?;
    // They are made in one transaction: all of them exist, or none.
    if found == 0 {
        for text in statements {
            run(connection, once(text)).await?;
        }
        own(connection, grant.generation, &names).await?;
    } else if found < names.len() {
        return Err(corrupt(format_args!("some of the tables {names:?} are missing")).into());
    }
    commit(connection).await
}

/// How many of these tables exist. All of them must be `generation`'s own: another projection's, another version's, or
/// the application's are neither written nor dropped.
async fn owned(
    connection: &mut SqliteConnection,
    names: &[String],
    generation: Option<GenerationId>,
) -> Result<usize, StoreError> {
    let query = sqlx::query(sql::EXISTING_TABLES).bind(json(&names));
    let found = hop(connection, query).await.map_err(HopError::store_error)?.rows(0);
    for row in &found {
        let owner: Option<i64> = optional(row, 1)?;
        if owner.is_none() || owner != generation.map(GenerationId::value) {
            let name: &str = value(row, 0)?;
            return Err(StoreError::Unusable(format!(
                "the table `{name}` exists already and is not this read model's: \
                 give the projection, or its new version, tables of other names, or drop it"
            )));
        }
    }
    Ok(found.len())
}

async fn own(
    connection: &mut SqliteConnection,
    generation: GenerationId,
    names: &[String],
) -> Result<(), StoreError> {
    run(connection, sqlx::query(sql::OWN_TABLES).bind(generation.value()).bind(json(&names))).await
}

async fn disown(
    connection: &mut SqliteConnection,
    one: GenerationId,
    other: Option<GenerationId>,
) -> Result<(), StoreError> {
    let other = other.map(GenerationId::value);
    run(connection, sqlx::query(sql::DISOWN_TABLES).bind(one.value()).bind(other)).await
}

async fn commit_sql(
    connection: &mut SqliteConnection,
    batch: Commit,
    statements: Statements,
) -> Result<(), NotCommitted> {
    let generation = batch.grant.generation;
    begin_and_move(connection, &batch.grant, batch.to).await?;
    for statement in statements.into_vec() {
        hop(connection, bound(statement)).await.map_err(NotCommitted::by_projection)?;
    }
    write_views(connection, generation, &batch.writes).await?;
    if !batch.letters.is_empty() {
        letters::change(connection, generation, batch.letters).await?;
    }
    Ok(commit(connection).await?)
}

/// Why a batch with statements of a projection was not committed.
pub(crate) enum NotCommitted {
    /// The values of what the projection writes were refused.
    Refused(HopError),
    Ended(CommitError),
}

impl NotCommitted {
    /// What failed in a statement of the projection's own.
    fn by_projection(failed: HopError) -> Self {
        match failed.failure() {
            Failure::Refused => Self::Refused(failed),
            _ => Self::Ended(failed.store_error().into()),
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

async fn swap(
    connection: &mut SqliteConnection,
    grant: Grant,
    names: Vec<String>,
    text: String,
) -> Result<(), CommitError> {
    let both = begin_and_look_at_both(connection, &grant).await?;
    both.may_swap(&grant)?;
    let live_id = both.live.as_ref().map(|live| live.id);
    owned(connection, &names, live_id).await?;
    run(connection, once(text)).await?;
    disown(connection, grant.generation, live_id).await?;
    own(connection, grant.generation, &names).await?;
    swap_and_commit(connection, &grant, &both, Replaced::Dropped).await
}

async fn discard(connection: &mut SqliteConnection, grant: Grant, text: String) -> Result<(), CommitError> {
    begin_and_look_at_both(connection, &grant).await?;
    run(connection, once(text)).await?;
    disown(connection, grant.generation, None).await?;
    discard_and_commit(connection, &grant).await
}

async fn run(connection: &mut SqliteConnection, query: Query) -> Result<(), StoreError> {
    hop(connection, query).await.map(|_| ()).map_err(HopError::store_error)
}

async fn commit(connection: &mut SqliteConnection) -> Result<(), CommitError> {
    hop_and_commit(connection, sqlx::query(sql::COMMIT), 1).await.map_err(HopError::store_error)?;
    Ok(())
}

/// A statement whose text will not come again. The text is the application's own, or made of checked names.
fn once(text: String) -> Query {
    sqlx::query(AssertSqlSafe(text)).persistent(false)
}

/// The text is the application's own program; what came with events is in the parameters.
fn bound(statement: Statement) -> Query {
    let query = sqlx::query(AssertSqlSafe(statement.sql));
    statement.values.into_iter().fold(query, |query, value| match value {
        SqlValue::Null => query.bind(None::<i64>),
        SqlValue::Integer(number) => query.bind(number),
        SqlValue::Real(number) => query.bind(number),
        SqlValue::Text(text) => query.bind(text),
        SqlValue::Blob(bytes) => query.bind(bytes),
    })
}
