//! [`DeadLetterStore`] on PostgreSQL.

use crate::PostgresStore;
use crate::errors::corrupt;
use crate::rows::{count, parsed, sql_limit, sql_number, stream, value};
use crate::session::Query;
use crate::sql::Sql;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use es_core::{
    DeadLetter, DeadLetterStore, Discarded, GenerationId, LetterChange, LetterPlace, LetterQueue, Position,
    ProjectionId, StoreError, Version,
};
use sqlx::postgres::PgRow;

#[async_trait]
impl DeadLetterStore for PostgresStore {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let position = after.map_or(0, |after| after.position.value());
        let query = sqlx::query(self.sql().letters.clone())
            .bind(generation.value())
            .bind(after.map(|after| after.queue.to_string()).unwrap_or_default())
            .bind(sql_number(position)?)
            .bind(sql_limit(limit.max(1)));
        self.connections().rows(query).await?.iter().map(letter).collect()
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        let query = sqlx::query(self.sql().queues.clone()).bind(generation.value());
        self.connections().rows(query).await?.iter().map(|row| parsed(row, 0)).collect()
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        let query = sqlx::query(self.sql().discarded.clone())
            .bind(projection.name().to_owned())
            .bind(i64::from(projection.version()));
        self.connections().rows(query).await?.iter().map(discarded).collect()
    }
}

/// What makes the changes, in a transaction that has moved the checkpoint.
pub(crate) fn change(
    sql: &Sql,
    generation: GenerationId,
    changes: Vec<LetterChange>,
) -> Result<Query, StoreError> {
    bind(sqlx::query(sql.change_letters.clone()), generation, changes)
}

/// The generation; what is parked, by column; what goes; what is discarded. See the text.
fn bind(query: Query, generation: GenerationId, changes: Vec<LetterChange>) -> Result<Query, StoreError> {
    let (mut queues, mut positions, mut streams) = (Vec::new(), Vec::new(), Vec::new());
    let (mut versions, mut names, mut causes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gone_queues, mut gone_positions) = (Vec::new(), Vec::new());
    let mut reasons: Vec<Option<String>> = Vec::new();
    for change in changes {
        let (place, reason) = match change {
            LetterChange::Park(parked) => {
                queues.push(parked.place.queue.to_string());
                positions.push(sql_number(parked.place.position.value())?);
                streams.push(parked.stream.to_string());
                versions.push(sql_number(parked.version.value())?);
                names.push(parked.name);
                causes.push(parked.cause.map(|cause| json(&cause)).transpose()?);
                continue;
            }
            LetterChange::Settle(place) => (place, None),
            LetterChange::Discard { place, reason } => (place, Some(json(&reason)?)),
        };
        gone_queues.push(place.queue.to_string());
        gone_positions.push(sql_number(place.position.value())?);
        reasons.push(reason);
    }
    Ok(query
        .bind(generation.value())
        .bind(queues)
        .bind(positions)
        .bind(streams)
        .bind(versions)
        .bind(names)
        .bind(causes)
        .bind(gone_queues)
        .bind(gone_positions)
        .bind(reasons))
}

/// A text as a JSON string: it may hold what text may not.
fn json(text: &str) -> Result<String, StoreError> {
    serde_json::to_string(text).map_err(corrupt)
}

fn text(json: &str) -> Result<String, StoreError> {
    serde_json::from_str(json).map_err(corrupt)
}

fn letter(row: &PgRow) -> Result<DeadLetter, StoreError> {
    let attempts: i64 = value(row, 6)?;
    Ok(DeadLetter {
        place: place(row)?,
        stream: stream(row, 2)?,
        version: Version::new(count(row, 3)?),
        name: value(row, 4)?,
        cause: value::<Option<&str>>(row, 5)?.map(text).transpose()?,
        attempts: u32::try_from(attempts).map_err(corrupt)?,
        first_at: value::<DateTime<Utc>>(row, 7)?,
        last_at: value::<DateTime<Utc>>(row, 8)?,
    })
}

fn discarded(row: &PgRow) -> Result<Discarded, StoreError> {
    Ok(Discarded { place: place(row)?, reason: text(value(row, 2)?)?, at: value(row, 3)? })
}

fn place(row: &PgRow) -> Result<LetterPlace, StoreError> {
    Ok(LetterPlace { queue: parsed(row, 0)?, position: Position::new(count(row, 1)?) })
}
