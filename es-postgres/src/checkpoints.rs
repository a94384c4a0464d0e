//! [`CheckpointStore`] on PostgreSQL: every write compares the epoch and the cursor in its own statement.

use crate::PostgresStore;
use crate::appender::{RACES_MAX, pause_after};
use crate::errors::{Failed, UNDEFINED_TABLE, corrupt};
use crate::letters;
use crate::rows::{count, optional_cursor, small, sql_number, value};
use crate::session::{Query, fetch};
use async_trait::async_trait;
use es_core::{
    CheckpointStore, Commit, CommitError, Cursor, Generation, GenerationId, GenerationState, Grant, Halt,
    Lease, Position, ProjectionId, StoreError, ViewWrite,
};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

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
            .bind(lease.owner)
            .bind(lease_ms(lease));
        let query = bind_cursor(query, lease.begin)?.bind(lease.takes_over);
        let row = self.connections().row(query).await.map_err(Failed::of_write)?;
        let grant = |row: PgRow| {
            let (generation, epoch) = (GenerationId::new(value(&row, 0)?), value(&row, 1)?);
            Ok(Grant {
                projection: projection.clone(),
                generation,
                epoch,
                lease,
                cursor: optional_cursor(&row, 2)?,
            })
        };
        row.map(grant).transpose()
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let Commit { grant, to, writes, letters } = commit;
        if !letters.is_empty() {
            return self.commit_with_letters(Commit { grant, to, writes, letters }).await;
        }
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

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        let stays = halt.is_none() && grant.lease.takes_over;
        let position = halt.as_ref().map(|halt| sql_number(halt.position.value())).transpose()?;
        let cause = halt.map(|halt| serde_json::to_string(&halt.cause)).transpose().map_err(corrupt)?;
        let query = sqlx::query(self.sql().release.clone())
            .bind(grant.generation.value())
            .bind(grant.epoch)
            .bind(position)
            .bind(cause)
            .bind(stays);
        self.connections().rows(query).await.map_err(Failed::of_write)?;
        Ok(())
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        for race in 1.. {
            let query = bind_grant(sqlx::query(self.sql().swap.clone()), grant)?;
            match self.connections().row(query).await {
                // Somebody has just begun the first live generation.
                Err(failed) if (failed.is_lost_race() || failed.is_collision()) && race < RACES_MAX => {
                    pause_after(race).await;
                }
                row => {
                    swapped(grant, row.map_err(Failed::of_write)?.as_ref())?;
                    break;
                }
            }
        }
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

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.change_live(sqlx::query(self.sql().pause.clone()), projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.change_live(sqlx::query(self.sql().resume.clone()), projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(sqlx::query(self.sql().roll_back.clone()), projection);
        let row = self.connections().row(query).await.map_err(Failed::of_write)?;
        row.map_or(Ok(false), |row| value(&row, 0))
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
        rows.iter().map(generation).collect()
    }
}

impl PostgresStore {
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

    /// Says whether there was a live generation to change.
    async fn change_live(&self, query: Query, projection: &ProjectionId) -> Result<bool, StoreError> {
        let query = bind_projection(query, projection);
        Ok(self.connections().row(query).await.map_err(Failed::of_write)?.is_some())
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

/// Why a batch with dead letters was not written.
enum NotWritten {
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

/// Generation, epoch, position and event id.
pub(crate) fn bind_grant(query: Query, grant: &Grant) -> Result<Query, StoreError> {
    let query = query.bind(grant.generation.value()).bind(grant.epoch);
    bind_cursor(query, grant.cursor)
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

fn check_key(key: &str) -> Result<(), StoreError> {
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

fn generation(row: &PgRow) -> Result<Generation, StoreError> {
    let state: &str = value(row, 3)?;
    let state = GenerationState::named(state)
        .ok_or_else(|| corrupt(format_args!("`{state}` is no state of a generation")))?;
    let cause: Option<&str> = value(row, 9)?;
    let halt = cause.map(|cause| {
        let cause = serde_json::from_str(cause).map_err(corrupt)?;
        Ok::<_, StoreError>(Halt { position: Position::new(count(row, 8)?), cause })
    });
    Ok(Generation {
        id: GenerationId::new(value(row, 0)?),
        projection: ProjectionId::new(value(row, 1)?, small(row, 2)?)?,
        state,
        cursor: optional_cursor(row, 4)?,
        epoch: value(row, 6)?,
        owner: value(row, 7)?,
        halt: halt.transpose()?,
        paused: value(row, 10)?,
        dead_letters: count(row, 11)?,
    })
}
