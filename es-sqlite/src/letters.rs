//! [`DeadLetterStore`] on SQLite.

use crate::append_batch::json;
use crate::errors::corrupt;
use crate::hop::{HopError, hop};
use crate::rows::{count, optional, parsed, sql_number, stream, time, value};
use crate::views::sql_limit;
use crate::{SqliteStore, sql};
use async_trait::async_trait;
use es_core::{
    DeadLetter, DeadLetterStore, Discarded, GenerationId, LetterChange, LetterPlace, LetterQueue, Position,
    ProjectionId, StoreError, Version,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

#[async_trait]
impl DeadLetterStore for SqliteStore {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let position = after.map_or(0, |after| after.position.value());
        let query = sqlx::query(sql::LETTERS)
            .bind(generation.value())
            .bind(after.map(|after| after.queue.to_string()).unwrap_or_default())
            .bind(sql_number(position)?)
            .bind(sql_limit(limit.max(1)));
        self.readers().collect(query, |_, row| letter(&row).map(Some)).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        let query = sqlx::query(sql::QUEUES).bind(generation.value());
        self.readers().collect(query, |_, row| parsed(&row, 0).map(Some)).await
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        let query = sqlx::query(sql::DISCARDED).bind(projection.name().to_owned()).bind(projection.version());
        self.readers().collect(query, |_, row| discarded(&row).map(Some)).await
    }
}

/// Makes the changes in a transaction that has moved the checkpoint.
pub(crate) async fn change(
    connection: &mut SqliteConnection,
    generation: GenerationId,
    changes: Vec<LetterChange>,
) -> Result<(), StoreError> {
    let (mut parked, mut gone) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            LetterChange::Park(letter) => parked.push((
                letter.place.queue.to_string(),
                sql_number(letter.place.position.value())?,
                letter.stream.to_string(),
                sql_number(letter.version.value())?,
                letter.name,
                letter.cause,
            )),
            LetterChange::Settle(place) => gone.push(gone_row(&place, None)?),
            LetterChange::Discard { place, reason } => gone.push(gone_row(&place, Some(reason))?),
        }
    }
    let (parked, gone) = (json(&parked), json(&gone));
    for text in [sql::PARK_LETTERS, sql::DISCARD_LETTERS, sql::DELETE_LETTERS] {
        let rows = if text == sql::PARK_LETTERS { &parked } else { &gone };
        let query = sqlx::query(text).bind(generation.value()).bind(rows.clone());
        hop(connection, query).await.map_err(HopError::store_error)?;
    }
    Ok(())
}

/// Queue, position, and the reason where it is discarded.
fn gone_row(
    place: &LetterPlace,
    reason: Option<String>,
) -> Result<(String, i64, Option<String>), StoreError> {
    Ok((place.queue.to_string(), sql_number(place.position.value())?, reason))
}

fn letter(row: &SqliteRow) -> Result<DeadLetter, StoreError> {
    Ok(DeadLetter {
        place: place(row)?,
        stream: stream(row, 2)?,
        version: Version::new(count(row, 3)?),
        name: value(row, 4)?,
        cause: optional(row, 5)?,
        attempts: u32::try_from(count(row, 6)?).map_err(corrupt)?,
        first_at: time(row, 7)?,
        last_at: time(row, 8)?,
    })
}

fn discarded(row: &SqliteRow) -> Result<Discarded, StoreError> {
    Ok(Discarded { place: place(row)?, reason: value(row, 2)?, at: time(row, 3)? })
}

fn place(row: &SqliteRow) -> Result<LetterPlace, StoreError> {
    Ok(LetterPlace { queue: parsed(row, 0)?, position: Position::new(count(row, 1)?) })
}
