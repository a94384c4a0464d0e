//! [`CheckpointStore`] on SQLite: every write compares the epoch and the cursor after it has taken the write lock.

use crate::append_batch::{json, power_of};
use crate::errors::corrupt;
use crate::hop::{HopError, Query, autocommit, hop, hop_and_commit};
use crate::rows::{count, optional, optional_cursor, optional_uuid, small, sql_number, value};
use crate::{SqliteStore, letters, sql};
use async_trait::async_trait;
use es_core::{
    CheckpointStore, Commit, CommitError, Cursor, Generation, GenerationId, GenerationState, Grant, Halt,
    Lease, Position, ProjectionId, StoreError, ViewWrite,
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
        let query = sqlx::query(sql::RELEASE)
            .bind(grant.generation.value())
            .bind(grant.epoch)
            .bind(position)
            .bind(halt.map(|halt| halt.cause))
            .bind(stays);
        self.writer().run(move |connection| Box::pin(autocommit(connection, query))).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        let grant = grant.clone();
        self.writer().run(move |connection| Box::pin(swap(connection, grant))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        let grant = grant.clone();
        self.writer().run(move |connection| Box::pin(discard(connection, grant))).await?;
        self.delete_dropped_views().await;
        Ok(())
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::PAUSE), projection);
        self.writer().run(move |connection| Box::pin(changes_live(connection, query))).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::RESUME), projection);
        self.writer().run(move |connection| Box::pin(changes_live(connection, query))).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::ROLL_BACK), projection);
        self.writer().run(move |connection| Box::pin(roll_back(connection, query))).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(sql::DROP_GENERATION), projection).bind(state.as_str());
        let dropped =
            self.writer().run(move |connection| Box::pin(drop_generation(connection, query))).await?;
        self.delete_dropped_views().await;
        Ok(dropped)
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        self.readers().collect(sqlx::query(sql::GENERATIONS), |_, row| generation(&row).map(Some)).await
    }
}

impl SqliteStore {
    /// Deletes the views of generations that are gone, a few at a time, so that appends are not held up. What is left
    /// by a crash is deleted after the next swap.
    pub(crate) async fn delete_dropped_views(&self) {
        if let Err(error) = self.try_to_delete_dropped_views().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "views of a dropped generation are left over"
            );
        }
    }

    async fn try_to_delete_dropped_views(&self) -> Result<(), StoreError> {
        let dropped: Vec<i64> =
            self.readers().collect(sqlx::query(sql::DROPPED), |_, row| value(&row, 0).map(Some)).await?;
        for id in dropped {
            for text in [sql::DELETE_DROPPED_VIEWS, sql::DELETE_DROPPED_LETTERS] {
                while self.writer().run(move |connection| Box::pin(delete_some(connection, text, id))).await?
                {
                }
            }
            let forget = sqlx::query(sql::FORGET_DROPPED).bind(id);
            self.writer().run(move |connection| Box::pin(autocommit(connection, forget))).await?;
        }
        Ok(())
    }
}

/// Whether there were any.
async fn delete_some(
    connection: &mut SqliteConnection,
    text: &'static str,
    generation: i64,
) -> Result<bool, StoreError> {
    let query = sqlx::query(text).bind(generation);
    Ok(hop_and_commit(connection, query, 1).await.map_err(HopError::store_error)?.changed(0))
}

/// Whether there was a live generation to change.
async fn changes_live(connection: &mut SqliteConnection, query: Query) -> Result<bool, StoreError> {
    Ok(hop_and_commit(connection, query, 1).await.map_err(HopError::store_error)?.changed(0))
}

/// Whether there was one that was kept.
async fn roll_back(connection: &mut SqliteConnection, query: Query) -> Result<bool, StoreError> {
    Ok(hop_and_commit(connection, query, 5).await.map_err(HopError::store_error)?.changed(2))
}

/// Whether there was one.
async fn drop_generation(connection: &mut SqliteConnection, query: Query) -> Result<bool, StoreError> {
    Ok(hop_and_commit(connection, query, 5).await.map_err(HopError::store_error)?.changed(2))
}

/// Name and version.
fn bind_projection(query: Query, projection: &ProjectionId) -> Query {
    query.bind(projection.name().to_owned()).bind(projection.version())
}

/// Name, version, state and owner.
fn bind_lease(query: Query, projection: &ProjectionId, lease: Lease) -> Query {
    bind_projection(query, projection).bind(lease.of.as_str()).bind(lease.owner.as_bytes().to_vec())
}

async fn acquire(
    connection: &mut SqliteConnection,
    projection: ProjectionId,
    lease: Lease,
) -> Result<Option<Grant>, StoreError> {
    let (position, event_id) = cursor_values(lease.begin)?;
    let query = bind_lease(sqlx::query(sql::ACQUIRE), &projection, lease).bind(lease_ms(lease));
    let query = query.bind(position).bind(event_id).bind(lease.takes_over);
    let rows = hop_and_commit(connection, query, 1).await.map_err(HopError::store_error)?.rows(0);
    let grant = |row: &SqliteRow| {
        let (generation, epoch) = (GenerationId::new(value(row, 0)?), value(row, 1)?);
        Ok(Grant { projection, generation, epoch, lease, cursor: optional_cursor(row, 2)? })
    };
    rows.first().map(grant).transpose()
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

async fn swap(connection: &mut SqliteConnection, grant: Grant) -> Result<(), CommitError> {
    let live = begin_and_end_epoch(connection, &grant).await?;
    not_behind(&grant, live)?;
    swap_and_commit(connection, &grant, live, Replaced::Kept).await
}

async fn discard(connection: &mut SqliteConnection, grant: Grant) -> Result<(), CommitError> {
    begin_and_end_epoch(connection, &grant).await?;
    discard_and_commit(connection, &grant).await
}

/// The generation that is live, and where it is.
pub(crate) type Live = Option<(GenerationId, Position)>;

/// The live generation must not have read further.
pub(crate) fn not_behind(grant: &Grant, live: Live) -> Result<(), CommitError> {
    match live {
        Some((_, position)) if position > grant.position() => Err(CommitError::Behind { live: position }),
        _ => Ok(()),
    }
}

/// What becomes of the generation that was live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    Kept,
    Dropped,
}

pub(crate) async fn swap_and_commit(
    connection: &mut SqliteConnection,
    grant: &Grant,
    live: Live,
    replaced: Replaced,
) -> Result<(), CommitError> {
    let query = sqlx::query(sql::SWAP_AND_COMMIT)
        .bind(grant.generation.value())
        .bind(live.map(|(id, _)| id.value()))
        .bind(replaced == Replaced::Kept);
    hop_and_commit(connection, query, 6).await.map_err(HopError::store_error)?;
    Ok(())
}

pub(crate) async fn discard_and_commit(
    connection: &mut SqliteConnection,
    grant: &Grant,
) -> Result<(), CommitError> {
    let query = sqlx::query(sql::DISCARD_AND_COMMIT).bind(grant.generation.value());
    hop_and_commit(connection, query, 3).await.map_err(HopError::store_error)?;
    Ok(())
}

/// Takes the write lock, and ends the epoch of the building generation or is fenced; gives the live one and where it
/// is.
pub(crate) async fn begin_and_end_epoch(
    connection: &mut SqliteConnection,
    grant: &Grant,
) -> Result<Live, CommitError> {
    let query = bind_grant(sqlx::query(sql::BEGIN_AND_END_EPOCH), grant)?;
    let mut ended = hop(connection, query).await.map_err(HopError::store_error)?;
    if !ended.changed(1) {
        return Err(grant.fenced());
    }
    let live = ended.rows(2);
    let live = live
        .first()
        .map(|row| Ok::<_, StoreError>((GenerationId::new(value(row, 0)?), Position::new(count(row, 1)?))));
    Ok(live.transpose()?)
}

/// Generation, epoch, position and event id.
fn bind_grant(query: Query, grant: &Grant) -> Result<Query, StoreError> {
    let (position, event_id) = cursor_values(grant.cursor)?;
    Ok(query.bind(grant.generation.value()).bind(grant.epoch).bind(position).bind(event_id))
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

fn generation(row: &SqliteRow) -> Result<Generation, StoreError> {
    let state: &str = value(row, 3)?;
    let state = GenerationState::named(state)
        .ok_or_else(|| corrupt(format_args!("`{state}` is no state of a generation")))?;
    let halt = optional::<String>(row, 9)?
        .map(|cause| Ok::<_, StoreError>(Halt { position: Position::new(count(row, 8)?), cause }));
    Ok(Generation {
        id: GenerationId::new(value(row, 0)?),
        projection: ProjectionId::new(value(row, 1)?, small(row, 2)?)?,
        state,
        cursor: optional_cursor(row, 4)?,
        epoch: value(row, 6)?,
        owner: optional_uuid(row, 7)?,
        halt: halt.transpose()?,
        paused: value(row, 10)?,
        dead_letters: count(row, 11)?,
    })
}
