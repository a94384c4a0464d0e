//! What becomes of whole generations: they are divided, exchanged and dropped.

use crate::checkpoints::{bind_grant, bind_projection, first_slices};
use crate::errors::corrupt;
use crate::hop::{HopError, Query, autocommit, hop, hop_and_commit};
use crate::rows::{count, optional, optional_cursor, optional_uuid, shards, slices, small, time, value};
use crate::{SqliteStore, sql};
use es_core::{
    Checkpoint, CommitError, Failure, Generation, GenerationId, GenerationState, Grant, Halt, Position,
    ProjectionId, Shard, Slices, StoreError,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

impl SqliteStore {
    /// Runs a transaction of one text; whether its statement with the number `deciding` changed a row.
    pub(crate) async fn change(
        &self,
        query: Query,
        statements: usize,
        deciding: usize,
    ) -> Result<bool, StoreError> {
        self.writer().run(move |connection| Box::pin(change(connection, query, statements, deciding))).await
    }

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
                while self.change(sqlx::query(text).bind(id), 1, 0).await? {}
            }
            let forget = sqlx::query(sql::FORGET_DROPPED).bind(id);
            self.writer().run(move |connection| Box::pin(autocommit(connection, forget))).await?;
        }
        Ok(())
    }
}

async fn change(
    connection: &mut SqliteConnection,
    query: Query,
    statements: usize,
    deciding: usize,
) -> Result<bool, StoreError> {
    Ok(hop_and_commit(connection, query, statements).await.map_err(HopError::store_error)?.changed(deciding))
}

pub(crate) async fn swap(connection: &mut SqliteConnection, grant: Grant) -> Result<(), CommitError> {
    let both = begin_and_look_at_both(connection, &grant).await?;
    both.may_swap(&grant)?;
    swap_and_commit(connection, &grant, &both, Replaced::Kept).await
}

pub(crate) async fn discard(connection: &mut SqliteConnection, grant: Grant) -> Result<(), CommitError> {
    begin_and_look_at_both(connection, &grant).await?;
    discard_and_commit(connection, &grant).await
}

/// The building generation, and the one whose place it is to take.
pub(crate) struct Both {
    /// Whether a shard of what was built is not where the others are.
    is_uneven: bool,
    stream_waits: bool,
    pub(crate) live: Option<Live>,
}

/// The generation that is live.
pub(crate) struct Live {
    pub(crate) id: GenerationId,
    shards: u16,
    /// The last row that a shard of it has finished.
    furthest: Position,
}

impl Both {
    /// All shards of what was built are at one row, and the live one must not have read further.
    pub(crate) fn may_swap(&self, grant: &Grant) -> Result<(), CommitError> {
        match &self.live {
            _ if self.is_uneven => Err(grant.fenced()),
            Some(live) if live.furthest > grant.position() => {
                Err(CommitError::Behind { live: live.furthest })
            }
            _ => Ok(()),
        }
    }

    /// Where a stream waits it stays in one.
    fn shards_after_swap(&self) -> u16 {
        self.live.as_ref().filter(|_| !self.stream_waits).map_or(1, |live| live.shards)
    }
}

/// What becomes of the generation that was live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    Kept,
    Dropped,
}

/// Takes the write lock, and finds the building generation and the live one, or is fenced.
pub(crate) async fn begin_and_look_at_both(
    connection: &mut SqliteConnection,
    grant: &Grant,
) -> Result<Both, CommitError> {
    let query = bind_grant(sqlx::query(sql::BEGIN_AND_LOOK_AT_BOTH), grant)?;
    let mut found = hop(connection, query).await.map_err(HopError::store_error)?;
    let building = found.rows(1);
    let building = building.first().ok_or_else(|| grant.fenced())?;
    let live = found.rows(2);
    Ok(Both {
        is_uneven: value(building, 0)?,
        stream_waits: value(building, 1)?,
        live: live.first().map(read_live).transpose()?,
    })
}

fn read_live(row: &SqliteRow) -> Result<Live, StoreError> {
    Ok(Live {
        id: GenerationId::new(value(row, 0)?),
        shards: shards(row, 1)?,
        furthest: Position::new(count(row, 2)?),
    })
}

pub(crate) async fn swap_and_commit(
    connection: &mut SqliteConnection,
    grant: &Grant,
    both: &Both,
    replaced: Replaced,
) -> Result<(), CommitError> {
    let query = sqlx::query(sql::SWAP_AND_COMMIT)
        .bind(grant.generation.value())
        .bind(both.live.as_ref().map(|live| live.id.value()))
        .bind(first_slices(both.shards_after_swap()))
        .bind(replaced == Replaced::Kept);
    hop_and_commit(connection, query, sql::SWAP_STATEMENTS).await.map_err(HopError::store_error)?;
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

/// Whether there is such a generation.
pub(crate) async fn divide(
    connection: &mut SqliteConnection,
    projection: ProjectionId,
    state: GenerationState,
    count: u16,
) -> Result<bool, StoreError> {
    let count = count.clamp(1, Slices::COUNT);
    let query = bind_projection(sqlx::query(sql::BEGIN_AND_LOOK_AT), &projection).bind(state.as_str());
    let found = hop(connection, query).await.map_err(HopError::store_error)?.rows(1);
    let query = match found.first() {
        Some(row) if shards(row, 1)? != count => {
            if count > 1 && value(row, 2)? {
                return Err(Shard::streams_wait(&projection));
            }
            sqlx::query(sql::DIVIDE_AND_COMMIT).bind(value::<i64>(row, 0)?).bind(first_slices(count))
        }
        _ => {
            hop(connection, sqlx::query(sql::ROLLBACK)).await.map_err(HopError::store_error)?;
            return Ok(!found.is_empty());
        }
    };
    hop_and_commit(connection, query, sql::DIVIDE_STATEMENTS).await.map_err(HopError::store_error)?;
    Ok(true)
}

/// Puts the checkpoints of the same generation, which follow each other, together.
pub(crate) fn whole(found: Vec<Generation>) -> Vec<Generation> {
    let mut generations: Vec<Generation> = Vec::new();
    for next in found {
        match generations.last_mut() {
            Some(last) if last.id == next.id => last.checkpoints.extend(next.checkpoints),
            _ => generations.push(next),
        }
    }
    generations
}

pub(crate) fn with_one_checkpoint(row: &SqliteRow) -> Result<Generation, StoreError> {
    let state: &str = value(row, 3)?;
    let state = GenerationState::named(state)
        .ok_or_else(|| corrupt(format_args!("`{state}` is no state of a generation")))?;
    Ok(Generation {
        id: GenerationId::new(value(row, 0)?),
        projection: ProjectionId::new(value(row, 1)?, small(row, 2)?)?,
        state,
        shards: shards(row, 4)?,
        checkpoints: vec![checkpoint(row)?],
        paused: value(row, 5)?,
        dead_letters: count(row, 6)?,
    })
}

fn checkpoint(row: &SqliteRow) -> Result<Checkpoint, StoreError> {
    let halt = optional::<String>(row, 14)?
        .map(|cause| Ok::<_, StoreError>(Halt { position: Position::new(count(row, 13)?), cause }));
    let failure =
        optional::<String>(row, 16)?.map(|cause| Ok::<_, StoreError>(Failure { cause, at: time(row, 15)? }));
    Ok(Checkpoint {
        slices: slices(row, 7)?,
        cursor: optional_cursor(row, 9)?,
        epoch: value(row, 11)?,
        owner: optional_uuid(row, 12)?,
        halt: halt.transpose()?,
        failure: failure.transpose()?,
    })
}
