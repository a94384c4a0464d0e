//! [`CheckpointStore`] on SQLite: every write compares the epoch and the cursor after it has taken the write lock.

use crate::append_batch::{json, power_of};
use crate::errors::corrupt;
use crate::generations;
use crate::hop::{HopError, Query, autocommit, hop, hop_and_commit};
use crate::rows::{optional_cursor, slices, sql_number, value};
use crate::{SqliteStore, letters, sql};
use async_trait::async_trait;
use es_core::{
    CheckpointStore, Claim, Commit, CommitError, Cursor, Generation, GenerationId, GenerationState, Grant,
    Halt, Lease, ProjectionId, Shard, Slices, StoreError, ViewWrite,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

#[async_trait]
impl CheckpointStore for SqliteStore {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        if lease.of == GenerationState::Kept {
            return Ok(None);
        }
        let projection = projection.clone();
        let held = bind_lease(sqlx::query(sql::HELD), &projection, lease).bind(lease.takes_over);
        if self.readers().row(held).await?.is_some() {
            return Ok(None);
        }
        self.writer().run(move |connection| Box::pin(acquire(connection, projection, lease))).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.writer().run(move |connection| Box::pin(self::commit(connection, commit))).await
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        let stays = halt.is_none() && grant.lease.takes_over;
        let position = halt.as_ref().map(|halt| sql_number(halt.position.value())).transpose()?;
        let query = bind_checkpoint(sqlx::query(sql::RELEASE), grant)
            .bind(position)
            .bind(halt.map(|halt| halt.cause))
            .bind(stays);
        self.writer().run(move |connection| Box::pin(autocommit(connection, query))).await
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        let query = bind_checkpoint(sqlx::query(sql::FAILED), grant).bind(cause.to_owned());
        self.writer().run(move |connection| Box::pin(autocommit(connection, query))).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let grant = grant.clone();
        self.writer().run(move |connection| Box::pin(generations::swap(connection, grant))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        let grant = grant.clone();
        self.writer().run(move |connection| Box::pin(generations::discard(connection, grant))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        let projection = projection.clone();
        self.writer()
            .run(move |connection| Box::pin(generations::divide(connection, projection, state, count)))
            .await
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::PAUSE), projection);
        self.change(query, sql::PAUSE_STATEMENTS, 1).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::RESUME), projection);
        self.change(query, sql::RESUME_STATEMENTS, 1).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::ROLL_BACK), projection);
        self.change(query, sql::ROLL_BACK_STATEMENTS, sql::ROLL_BACK_EXCHANGES).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::DROP_GENERATION), projection).bind(state.as_str());
        let dropped = self.change(query, sql::DROP_STATEMENTS, 2).await?;
        self.delete_dropped_views().await;
        Ok(dropped)
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let query = sqlx::query(sql::GENERATIONS);
        let found = self.readers().collect(query, |_, row| generations::with_one_checkpoint(&row).map(Some));
        Ok(generations::whole(found.await?))
    }
}

/// Name and version.
pub(crate) fn bind_projection(query: Query, projection: &ProjectionId) -> Query {
    query.bind(projection.name().to_owned()).bind(projection.version())
}

/// Name, version, state and owner, the slices of the shard, and how many shards there are.
fn bind_lease(query: Query, projection: &ProjectionId, lease: Lease) -> Query {
    let slices = lease.shard.slices();
    bind_projection(query, projection)
        .bind(lease.of.as_str())
        .bind(lease.owner.as_bytes().to_vec())
        .bind(slices.first())
        .bind(slices.end())
        .bind(lease.shard.of())
}

/// The first slice of each of so many shards.
pub(crate) fn first_slices(count: u16) -> String {
    json(&Shard::all(count).map(|shard| shard.slices().first()).collect::<Vec<_>>())
}

/// A checkpoint of the shard that is to be granted.
struct Part {
    generation: GenerationId,
    slices: Slices,
    cursor: Option<Cursor>,
    epoch: i64,
    is_anothers: bool,
}

/// One hop finds the checkpoints, and one grants what can be granted and commits.
async fn acquire(
    connection: &mut SqliteConnection,
    projection: ProjectionId,
    lease: Lease,
) -> Result<Option<Grant>, StoreError> {
    let parts = begin_and_find(connection, &projection, lease).await?;
    if parts.is_empty() || (!lease.takes_over && parts.iter().any(|part| part.is_anothers)) {
        hop(connection, sqlx::query(sql::ROLLBACK)).await.map_err(HopError::store_error)?;
        return Ok(None);
    }
    let grant = claim(&parts, projection, lease)?;
    let query = sqlx::query(sql::GRANT_AND_COMMIT)
        .bind(grant.generation.value())
        .bind(grant.slices.first())
        .bind(grant.slices.end())
        .bind(lease.owner.as_bytes().to_vec())
        .bind(lease_ms(lease))
        .bind(grant.epoch)
        .bind(lease.takes_over);
    hop_and_commit(connection, query, 3).await.map_err(HopError::store_error)?;
    Ok(Some(grant))
}

/// Takes the write lock, makes the generation where it does not exist, and gives the checkpoints of the shard.
async fn begin_and_find(
    connection: &mut SqliteConnection,
    projection: &ProjectionId,
    lease: Lease,
) -> Result<Vec<Part>, StoreError> {
    let (position, event_id) = cursor_values(lease.begin)?;
    let query = bind_lease(sqlx::query(sql::BEGIN_AND_FIND), projection, lease)
        .bind(first_slices(lease.shard.of()))
        .bind(position)
        .bind(event_id);
    let found = hop(connection, query).await.map_err(HopError::store_error)?.rows(3);
    found.iter().map(part).collect()
}

fn part(row: &SqliteRow) -> Result<Part, StoreError> {
    Ok(Part {
        generation: GenerationId::new(value(row, 0)?),
        slices: slices(row, 1)?,
        cursor: optional_cursor(row, 3)?,
        epoch: value(row, 5)?,
        is_anothers: value(row, 6)?,
    })
}

/// What of these parts is granted: one of them, or one checkpoint in the place of all, with a later epoch than any.
fn claim(parts: &[Part], projection: ProjectionId, lease: Lease) -> Result<Grant, StoreError> {
    let cursors: Vec<_> = parts.iter().map(|part| part.cursor).collect();
    let (claimed, until) = match Shard::claim(&cursors) {
        Claim::Whole => (parts, None),
        Claim::Part(index, until) => (&parts[index..=index], until),
    };
    let (first, last) = (&claimed[0], &claimed[claimed.len() - 1]);
    let slices = Slices::new(first.slices.first(), last.slices.end())
        .ok_or_else(|| corrupt("the checkpoints of a shard are not in the order of their slices"))?;
    let epoch = claimed.iter().map(|part| part.epoch).max().unwrap_or_default() + 1;
    Ok(Grant { projection, generation: first.generation, slices, epoch, lease, cursor: first.cursor, until })
}

/// One hop moves the checkpoint, one writes each chunk of views, and one commits.
async fn commit(connection: &mut SqliteConnection, commit: Commit) -> Result<(), CommitError> {
    begin_and_move(connection, &commit.grant, commit.to).await?;
    write_views(connection, commit.grant.generation, &commit.writes).await?;
    if !commit.letters.is_empty() {
        letters::change(connection, commit.grant.generation, commit.letters).await?;
    }
    hop_and_commit(connection, sqlx::query(sql::COMMIT), 1).await.map_err(HopError::store_error)?;
    Ok(())
}

/// Takes the write lock, and moves the checkpoint or is fenced.
pub(crate) async fn begin_and_move(
    connection: &mut SqliteConnection,
    grant: &Grant,
    to: Option<Cursor>,
) -> Result<(), CommitError> {
    let (position, event_id) = cursor_values(to)?;
    let query = bind_grant(sqlx::query(sql::BEGIN_AND_MOVE), grant)?
        .bind(position)
        .bind(event_id)
        .bind(grant.lease.owner.as_bytes().to_vec())
        .bind(lease_ms(grant.lease));
    let moved = hop(connection, query).await.map_err(HopError::store_error)?.changed(1);
    if moved { Ok(()) } else { Err(grant.fenced()) }
}

pub(crate) async fn write_views(
    connection: &mut SqliteConnection,
    generation: GenerationId,
    writes: &[ViewWrite],
) -> Result<(), StoreError> {
    let gone: Vec<_> = writes.iter().filter(|write| write.view.is_none()).map(|write| &write.key).collect();
    if !gone.is_empty() {
        let query = sqlx::query(sql::DELETE_VIEWS).bind(generation.value()).bind(json(&gone));
        hop(connection, query).await.map_err(HopError::store_error)?;
    }
    let kept: Vec<_> = writes.iter().filter_map(|write| Some((&write.key, write.view.as_ref()?))).collect();
    let mut rest = &kept[..];
    while let Some(power) = power_of(rest.len()) {
        let (chunk, behind) = rest.split_at(1 << power);
        rest = behind;
        let query = chunk.iter().fold(sqlx::query(sql::WRITE_VIEWS[power].as_str()), |query, (key, view)| {
            query.bind(generation.value()).bind(key.as_str()).bind(view.as_str())
        });
        hop(connection, query).await.map_err(HopError::store_error)?;
    }
    Ok(())
}

/// Generation, first slice and epoch.
fn bind_checkpoint(query: Query, grant: &Grant) -> Query {
    query.bind(grant.generation.value()).bind(grant.slices.first()).bind(grant.epoch)
}

/// Generation, first slice, epoch, position and event id.
pub(crate) fn bind_grant(query: Query, grant: &Grant) -> Result<Query, StoreError> {
    let (position, event_id) = cursor_values(grant.cursor)?;
    Ok(bind_checkpoint(query, grant).bind(position).bind(event_id))
}

fn cursor_values(cursor: Option<Cursor>) -> Result<(Option<i64>, Option<Vec<u8>>), StoreError> {
    let position = cursor.map(|cursor| sql_number(cursor.position.value())).transpose()?;
    Ok((position, cursor.map(|cursor| cursor.event_id.uuid().as_bytes().to_vec())))
}

/// The lease in whole milliseconds; one that is longer than a million years is as good as for ever.
fn lease_ms(lease: Lease) -> i64 {
    const LEASE_MS_MAX: i64 = 1 << 55;
    i64::try_from(lease.duration.as_millis()).map_or(LEASE_MS_MAX, |ms| ms.min(LEASE_MS_MAX))
}
