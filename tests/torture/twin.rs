//! Broken twins of a store, each without one guard: they have to be caught.

use super::arguments::Twin;
use anyhow::{Context, Result};
use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Commit, CommitError, Cursor, EventId, Filter, LogPage, Metadata, Payload, Position, Recorded, Store,
    StoreError, Version,
};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use std::sync::Arc;

macro_rules! columns {
    () => {
        "SELECT e.position, e.event_id, e.stream, e.version, e.name, e.schema_version, e.recorded_at, \
         e.correlation_id, e.causation_id, e.metadata, e.payload "
    };
}

/// Rows that are committed, whatever is still open before them.
const NAIVE: &str =
    concat!(columns!(), "FROM es.events AS e WHERE e.position > $1 ORDER BY e.position LIMIT $2");

/// The bound and the rows in one statement: the rows are those of the statement's beginning, the bound is later. A
/// server that is busy takes its time between the two.
const ONE_STATEMENT: &str = concat!(
    "WITH bound AS MATERIALIZED (SELECT es.horizon() AS position FROM pg_sleep(0.02)) ",
    columns!(),
    "FROM bound CROSS JOIN es.events AS e WHERE e.position > $1 AND e.position <= bound.position \
     ORDER BY e.position LIMIT $2"
);

const HORIZON: &str = "SELECT es.horizon()";

/// How often a commit looks again whom it has to pass for.
const TRIES_MAX: u32 = 5;

/// A store that lacks a guard.
///
/// # Errors
/// When the store is of a kind that cannot lack it.
pub fn of(twin: Twin, below: Arc<dyn Store>, pool: Option<PgPool>) -> Result<Arc<dyn Store>> {
    let pool = pool.context("only postgres has this twin");
    Ok(match twin {
        Twin::Naive => Arc::new(Layered(Statement { below, pool: pool?, sql: NAIVE })),
        Twin::OneStatement => Arc::new(Layered(Statement { below, pool: pool?, sql: ONE_STATEMENT })),
        Twin::HorizonAsCursor => Arc::new(Layered(HorizonAsCursor { below, pool: pool? })),
        Twin::NoEpoch => Arc::new(Layered(NoEpoch(below))),
    })
}

/// Reads the log by a statement of its own.
struct Statement {
    below: Arc<dyn Store>,
    pool: PgPool,
    sql: &'static str,
}

#[async_trait]
impl Layer for Statement {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let after = after.value().cast_signed();
        let rows = sqlx::query(self.sql).bind(after).bind(limit as i64).fetch_all(&self.pool).await;
        let rows = rows.map_err(unavailable)?;
        let mut events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
        let cursor = events.last().map(|event| Cursor { position: event.position, event_id: event.event_id });
        let more = events.len() == limit;
        events.retain(|event| filter.wants(&event.stream, &event.name));
        Ok(LogPage { events, cursor, more })
    }
}

/// Moves readers to the horizon.
struct HorizonAsCursor {
    below: Arc<dyn Store>,
    pool: PgPool,
}

#[async_trait]
impl Layer for HorizonAsCursor {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let row = sqlx::query(HORIZON).fetch_one(&self.pool).await.map_err(unavailable)?;
        let horizon: i64 = row.try_get(0).map_err(unavailable)?;
        let horizon = Position::new(horizon.cast_unsigned());
        let mut page = self.below.read_all(after, filter, limit).await?;
        let read = page.cursor.map_or(after, |cursor| cursor.position);
        if !page.more && horizon > read {
            let event_id = page.cursor.map_or(EventId::new(uuid::Uuid::nil()), |cursor| cursor.event_id);
            page.cursor = Some(Cursor { position: horizon, event_id });
        }
        Ok(page)
    }
}

/// Commits whatever the epoch and the checkpoint are by now: it passes for their owner.
struct NoEpoch(Arc<dyn Store>);

#[async_trait]
impl Layer for NoEpoch {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        let mut answer = Ok(());
        for _ in 0..TRIES_MAX {
            let generations = self.0.generations().await?;
            let Some(now) = generations.into_iter().find(|found| found.id == commit.grant.generation) else {
                break;
            };
            commit.grant.epoch = now.epoch();
            commit.grant.cursor = now.cursor();
            if commit.to.is_none_or(|to| to.position < now.position()) {
                commit.to = now.cursor();
            }
            answer = self.0.commit(commit.clone()).await;
            if !matches!(answer, Err(CommitError::Fenced { .. })) {
                break;
            }
        }
        answer
    }
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable { reason: "the twin's statement failed".into(), source: Some(error.into()) }
}

fn recorded(row: &PgRow) -> Result<Recorded<Payload>, StoreError> {
    read(row).map_err(|error| StoreError::Corrupt(format!("{error:#}")))
}

fn read(row: &PgRow) -> Result<Recorded<Payload>> {
    let metadata: Option<Vec<u8>> = row.try_get("metadata")?;
    let ids = (row.try_get("correlation_id")?, row.try_get("causation_id")?);
    Ok(Recorded {
        event_id: EventId::new(row.try_get("event_id")?),
        stream: row.try_get::<&str, _>("stream")?.parse()?,
        version: Version::new(row.try_get::<i64, _>("version")?.cast_unsigned()),
        position: Position::new(row.try_get::<i64, _>("position")?.cast_unsigned()),
        name: row.try_get::<String, _>("name")?.into(),
        schema_version: u32::try_from(row.try_get::<i64, _>("schema_version")?)?,
        recorded_at: row.try_get("recorded_at")?,
        metadata: Metadata::from_json_and_ids(metadata.as_deref(), ids.0, ids.1)?,
        data: Payload::new(row.try_get::<Vec<u8>, _>("payload")?),
    })
}
