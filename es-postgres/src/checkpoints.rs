//! [`CheckpointStore`] on PostgreSQL: every write compares the epoch and the cursor in its own statement.

use crate::PostgresStore;
use crate::appender::{RACES_MAX, pause_after};
use crate::errors::{Failed, UNDEFINED_TABLE, corrupt};
use crate::rows::{count, optional_cursor, small, sql_number, value};
use crate::session::{Query, fetch};
use crate::{letters, views_copy};
use async_trait::async_trait;
use es_core::{
    Checkpoint, CheckpointStore, Commit, CommitError, Cursor, Failure, Generation, GenerationId,
    GenerationState, Grant, Halt, Lease, Position, ProjectionId, Shard, Slices, StoreError, ViewWrite,
};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, SqlStr};

/// How many bytes of views a build commits together.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A key is in an index, whose rows end at 2,704 bytes.
const KEY_BYTES_MAX: usize = 2_000;

#[async_trait]
impl CheckpointStore for PostgresStore {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        if lease.of == GenerationState::Kept {
            return Ok(None);
        }
        let query = bind_projection(sqlx::query(self.sql().acquire.clone()), projection)
            .bind(lease.of.as_str())
            .bind(i32::from(lease.shard.number()))
            .bind(i32::from(lease.shard.of()))
            .bind(lease.owner)
            .bind(lease_ms(lease));
        let query = bind_cursor(query, lease.begin)?.bind(lease.takes_over);
        let row = self.connections().row(query).await.map_err(Failed::of_write)?;
        let grant = |row: PgRow| {
            Ok(Grant {
                projection: projection.clone(),
                generation: GenerationId::new(value(&row, 0)?),
                slices: slices(&row, 1)?,
                epoch: value(&row, 3)?,
                lease,
                cursor: optional_cursor(&row, 4)?,
                until: optional_cursor(&row, 6)?,
            })
        };
        row.map(grant).transpose()
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let Commit { grant, to, writes, letters } = commit;
        if !letters.is_empty() {
            return self.commit_with_letters(Commit { grant, to, writes, letters }).await;
        }
        if views_copy::is_worth_it(&grant, &writes) {
            return self.commit_by_copy(grant, to, writes).await;
        }
        self.commit_by_statement(grant, to, writes).await
    }

    fn held_bytes_max(&self) -> usize {
        HELD_BYTES_MAX
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        let stays = halt.is_none() && grant.lease.takes_over;
        let position = halt.as_ref().map(|halt| sql_number(halt.position.value())).transpose()?;
        let cause = halt.map(|halt| serde_json::to_string(&halt.cause)).transpose().map_err(corrupt)?;
        let query = sqlx::query(self.sql().release.clone())
            .bind(grant.generation.value())
            .bind(first_slice(grant))
            .bind(grant.epoch)
            .bind(position)
            .bind(cause)
            .bind(stays);
        self.connections().rows(query).await.map_err(Failed::of_write)?;
        Ok(())
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql().failed.clone())
            .bind(grant.generation.value())
            .bind(first_slice(grant))
            .bind(grant.epoch)
            .bind(serde_json::to_string(cause).map_err(corrupt)?);
        self.connections().rows(query).await.map_err(Failed::of_write)?;
        Ok(())
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let row = self.raced(|| bind_grant(sqlx::query(self.sql().swap.clone()), grant)).await?;
        swapped(grant, row.as_ref())?;
        self.drop_views().await;
        Ok(())
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        let query = bind_grant(sqlx::query(self.sql().discard.clone()), grant)?;
        let row = self.connections().row(query).await.map_err(Failed::of_write)?;
        row.ok_or_else(|| grant.fenced())?;
        self.drop_views().await;
        Ok(())
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        let count = i32::from(count.clamp(1, Slices::COUNT));
        let query = || {
            let query = bind_projection(sqlx::query(self.sql().divide.clone()), projection);
            Ok(query.bind(state.as_str()).bind(count))
        };
        let row = self.raced(query).await?;
        match row.map(|row| value::<Option<bool>>(&row, 0)).transpose()?.flatten() {
            Some(true) => Ok(true),
            Some(false) => Err(Shard::streams_wait(projection)),
            None => Ok(false),
        }
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.change(&self.sql().pause, projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.change(&self.sql().resume, projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.change(&self.sql().roll_back, projection).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(self.sql().drop_generation.clone()), projection);
        let row = self.connections().row(query.bind(state.as_str())).await.map_err(Failed::of_write)?;
        self.drop_views().await;
        Ok(row.is_some())
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let rows = self.connections().rows(sqlx::query(self.sql().generations.clone())).await?;
        let mut generations: Vec<Generation> = Vec::new();
        for row in &rows {
            let checkpoint = checkpoint(row)?;
            match generations.last_mut() {
                Some(last) if last.id == GenerationId::new(value(row, 0)?) => {
                    last.checkpoints.push(checkpoint)
                }
                _ => generations.push(generation(row, checkpoint)?),
            }
        }
        Ok(generations)
    }
}

impl PostgresStore {
    /// Moves the checkpoint and writes the views in one statement.
    pub(crate) async fn commit_by_statement(
        &self,
        grant: Grant,
        to: Option<Cursor>,
        writes: Vec<ViewWrite>,
    ) -> Result<(), CommitError> {
        let query = if writes.is_empty() {
            bind_move(sqlx::query(self.sql().move_checkpoint.clone()), &grant, to)?
        } else {
            let query = sqlx::query(self.sql().commit(grant.generation));
            bind_views(bind_move(query, &grant, to)?, writes)?
        };
        match self.connections().row(query).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(grant.fenced()),
            // Its views were dropped with it.
            Err(failed) if failed.code().as_deref() == Some(UNDEFINED_TABLE) => Err(grant.fenced()),
            Err(failed) => Err(failed.of_write().into()),
        }
    }

    /// The same with dead letters, which are rare: in a transaction of two statements.
    async fn commit_with_letters(&self, commit: Commit) -> Result<(), CommitError> {
        let (this, fenced) = (self.clone(), commit.grant.fenced());
        let written = self
            .connections()
            .transaction(move |connection| {
                Box::pin(async move { this.write_with_letters(connection, commit).await })
            })
            .await;
        match written {
            Err(NotWritten::Fenced) => Err(fenced),
            Err(NotWritten::Sql(failed)) => Err(failed.of_write().into()),
            Err(NotWritten::Store(error)) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    async fn write_with_letters(
        &self,
        connection: &mut PgConnection,
        commit: Commit,
    ) -> Result<(), NotWritten> {
        let Commit { grant, to, writes, letters } = commit;
        let query = sqlx::query(self.sql().commit(grant.generation));
        let query = bind_views(bind_move(query, &grant, to)?, writes)?;
        match fetch(connection, query).await {
            Ok(rows) if rows.is_empty() => return Err(NotWritten::Fenced),
            // Its views were dropped with it.
            Err(failed) if failed.code().as_deref() == Some(UNDEFINED_TABLE) => {
                return Err(NotWritten::Fenced);
            }
            moved => drop(moved?),
        }
        fetch(connection, letters::change(self.sql(), grant.generation, letters)?).await?;
        Ok(())
    }

    /// Says whether there was a generation to change.
    async fn change(&self, text: &SqlStr, projection: &ProjectionId) -> Result<bool, StoreError> {
        let row = self.raced(|| Ok(bind_projection(sqlx::query(text.clone()), projection))).await?;
        row.map_or(Ok(false), |row| value(&row, 0))
    }

    /// The row of what takes the place of generations, and tries again where somebody else does so, or has just begun the
    /// first live one.
    async fn raced(
        &self,
        query: impl Fn() -> Result<Query, StoreError>,
    ) -> Result<Option<PgRow>, StoreError> {
        let mut race = 1;
        loop {
            match self.connections().row(query()?).await {
                Err(failed) if (failed.is_lost_race() || failed.is_collision()) && race < RACES_MAX => {
                    pause_after(race).await;
                    race += 1;
                }
                row => return row.map_err(Failed::of_write),
            }
        }
    }

    /// Drops the views of generations that are gone. What is left by a crash is dropped after the next swap.
    pub(crate) async fn drop_views(&self) {
        loop {
            let dropped = self.connections().row(sqlx::query(self.sql().drop_views.clone())).await;
            match dropped.map(|row| row.is_some_and(|row| value(&row, 0).unwrap_or(false))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(failed) => {
                    let error = StoreError::from(failed);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the views of a dropped generation are left over"
                    );
                    return;
                }
            }
        }
    }
}

/// Why a batch was not written.
pub(crate) enum NotWritten {
    Fenced,
    Sql(Failed),
    Store(StoreError),
}

impl From<Failed> for NotWritten {
    fn from(failed: Failed) -> Self {
        Self::Sql(failed)
    }
}

impl From<StoreError> for NotWritten {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What the answer of a swap means.
pub(crate) fn swapped(grant: &Grant, row: Option<&PgRow>) -> Result<(), CommitError> {
    let Some(row) = row else { return Err(grant.fenced()) };
    match value::<Option<i64>>(row, 0)? {
        Some(_) => Err(CommitError::Behind { live: Position::new(count(row, 0)?) }),
        None => Ok(()),
    }
}

/// Name and version.
fn bind_projection(query: Query, projection: &ProjectionId) -> Query {
    query.bind(projection.name().to_owned()).bind(i64::from(projection.version()))
}

/// Generation, first slice, epoch, position and event id.
pub(crate) fn bind_grant(query: Query, grant: &Grant) -> Result<Query, StoreError> {
    let query = query.bind(grant.generation.value()).bind(first_slice(grant)).bind(grant.epoch);
    bind_cursor(query, grant.cursor)
}

fn first_slice(grant: &Grant) -> i32 {
    grant.slices.first().into()
}

/// The same, and where the checkpoint goes, the owner and the lease.
pub(crate) fn bind_move(query: Query, grant: &Grant, to: Option<Cursor>) -> Result<Query, StoreError> {
    let query = bind_cursor(bind_grant(query, grant)?, to)?;
    Ok(query.bind(grant.lease.owner).bind(lease_ms(grant.lease)))
}

fn bind_cursor(query: Query, cursor: Option<Cursor>) -> Result<Query, StoreError> {
    let position = cursor.map(|cursor| sql_number(cursor.position.value())).transpose()?;
    Ok(query.bind(position).bind(cursor.map(|cursor| cursor.event_id.uuid())))
}

/// The keys that are gone, the keys that are kept and their views.
fn bind_views(query: Query, writes: Vec<ViewWrite>) -> Result<Query, StoreError> {
    let (mut gone, mut keys, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for ViewWrite { key, view } in writes {
        check_key(&key)?;
        match view {
            None => gone.push(key),
            Some(view) => {
                keys.push(key);
                views.push(view);
            }
        }
    }
    Ok(query.bind(gone).bind(keys).bind(views))
}

pub(crate) fn check_key(key: &str) -> Result<(), StoreError> {
    if key.len() <= KEY_BYTES_MAX && !key.contains('\0') {
        return Ok(());
    }
    let bytes = key.len();
    Err(StoreError::Unusable(format!(
        "the key of a view has at most {KEY_BYTES_MAX} bytes and no zero byte in PostgreSQL, found one of {bytes} bytes"
    )))
}

/// The lease in milliseconds; PostgreSQL's time ends in the year 294276, so a longer one is as good as for ever.
fn lease_ms(lease: Lease) -> f64 {
    const LEASE_SECONDS_MAX: f64 = 100.0 * 365.0 * 86_400.0;
    lease.duration.as_secs_f64().min(LEASE_SECONDS_MAX) * 1_000.0
}

fn generation(row: &PgRow, first: Checkpoint) -> Result<Generation, StoreError> {
    let state: &str = value(row, 3)?;
    let state = GenerationState::named(state)
        .ok_or_else(|| corrupt(format_args!("`{state}` is no state of a generation")))?;
    Ok(Generation {
        id: GenerationId::new(value(row, 0)?),
        projection: ProjectionId::new(value(row, 1)?, small(row, 2)?)?,
        state,
        shards: slice(row, 4)?,
        checkpoints: vec![first],
        paused: value(row, 5)?,
        dead_letters: count(row, 6)?,
    })
}

fn checkpoint(row: &PgRow) -> Result<Checkpoint, StoreError> {
    let cause: Option<&str> = value(row, 14)?;
    let halt = cause.map(|cause| {
        let cause = serde_json::from_str(cause).map_err(corrupt)?;
        Ok::<_, StoreError>(Halt { position: Position::new(count(row, 13)?), cause })
    });
    let cause: Option<&str> = value(row, 16)?;
    let failure = cause.map(|cause| {
        Ok::<_, StoreError>(Failure {
            cause: serde_json::from_str(cause).map_err(corrupt)?,
            at: value(row, 15)?,
        })
    });
    Ok(Checkpoint {
        slices: slices(row, 7)?,
        cursor: optional_cursor(row, 9)?,
        epoch: value(row, 11)?,
        owner: value(row, 12)?,
        halt: halt.transpose()?,
        failure: failure.transpose()?,
    })
}

/// The first slice, and the one behind the last.
fn slices(row: &PgRow, column: usize) -> Result<Slices, StoreError> {
    let (first, end) = (slice(row, column)?, slice(row, column + 1)?);
    Slices::new(first, end).ok_or_else(|| corrupt(format_args!("no slices are from {first} to {end}")))
}

fn slice(row: &PgRow, column: usize) -> Result<u16, StoreError> {
    u16::try_from(value::<i32>(row, column)?).map_err(corrupt)
}
