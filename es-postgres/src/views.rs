//! [`ViewStore`] on PostgreSQL: each generation has a table of its own.

use crate::errors::{Failed, UNDEFINED_TABLE};
use crate::rows::{sql_limit, value};
use crate::sql::From;
use crate::{PostgresStore, rows};
use async_trait::async_trait;
use es_core::{GenerationId, ProjectionId, StoreError, ViewStore};
use sqlx::postgres::PgRow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How often the live generation is looked up again for one call: each time a rebuild must have ended in between.
const LOOKS_MAX: usize = 8;

/// Which generation each projection's live one was when it was looked up last. A statement that reads its views
/// compares, so an old one costs another round trip and no more.
#[derive(Debug, Default)]
pub(crate) struct LiveGenerations(Mutex<HashMap<ProjectionId, GenerationId>>);

impl LiveGenerations {
    fn known(&self, projection: &ProjectionId) -> Option<GenerationId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(projection).copied()
    }

    fn learn(&self, projection: &ProjectionId, generation: Option<GenerationId>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match generation {
            Some(generation) => known.insert(projection.clone(), generation),
            None => known.remove(projection),
        };
    }
}

#[async_trait]
impl ViewStore for PostgresStore {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        if self.inlines().has(projection) {
            return self.inline_json(projection, key).await;
        }
        let read = |generation: GenerationId| {
            sqlx::query(self.sql().view(generation)).bind(generation.value()).bind(findable(key))
        };
        let rows = self.of_the_live_one(projection, read).await?;
        rows.first().map_or(Ok(None), |row| value(row, 0))
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        if self.inlines().has(projection) {
            return self.inline_jsons(projection, after, limit).await;
        }
        let (from, key) = first(after);
        let read = |generation: GenerationId| {
            sqlx::query(self.sql().live_views(generation, from))
                .bind(generation.value())
                .bind(key.clone())
                .bind(sql_limit(limit))
        };
        let rows = self.of_the_live_one(projection, read).await?;
        // A generation without views gives one row without a key.
        let has_key = |row: &&PgRow| value::<Option<&str>>(row, 0).is_ok_and(|key| key.is_some());
        rows.iter().filter(has_key).map(key_and_view).collect()
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let mut views = vec![None; keys.len()];
        let query = sqlx::query(self.sql().load_views(generation))
            .bind(keys.iter().map(findable).collect::<Vec<_>>());
        for row in if_there(self.connections().rows(query).await)? {
            let place = usize::try_from(rows::count(&row, 0)?).unwrap_or_default();
            if let Some(view) = place.checked_sub(1).and_then(|place| views.get_mut(place)) {
                *view = Some(value(&row, 1)?);
            }
        }
        Ok(views)
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let (from, key) = first(after);
        let query =
            sqlx::query(self.sql().generation_views(generation, from)).bind(key).bind(sql_limit(limit));
        if_there(self.connections().rows(query).await)?.iter().map(key_and_view).collect()
    }
}

impl PostgresStore {
    /// The rows that `read` gives for the live generation; none where there is no live generation.
    async fn of_the_live_one(
        &self,
        projection: &ProjectionId,
        read: impl Fn(GenerationId) -> crate::session::Query,
    ) -> Result<Vec<PgRow>, StoreError> {
        for _ in 0..LOOKS_MAX {
            let generation = match self.live_generations().known(projection) {
                Some(generation) => generation,
                None => match self.look_up_live(projection).await? {
                    Some(generation) => generation,
                    None => return Ok(Vec::new()),
                },
            };
            let rows = if_there(self.connections().rows(read(generation)).await)?;
            if !rows.is_empty() {
                return Ok(rows);
            }
            self.live_generations().learn(projection, None);
        }
        let reason =
            format!("the live generation of {projection} was replaced {LOOKS_MAX} times while it was read");
        Err(StoreError::Unavailable { reason: reason.into(), source: None })
    }

    async fn look_up_live(&self, projection: &ProjectionId) -> Result<Option<GenerationId>, StoreError> {
        let query = sqlx::query(self.sql().live_generation.clone())
            .bind(projection.name().to_owned())
            .bind(i64::from(projection.version()));
        let row = self.connections().row(query).await?;
        let live = row.map(|row| value(&row, 0).map(GenerationId::new)).transpose()?;
        self.live_generations().learn(projection, live);
        Ok(live)
    }
}

/// The table of a generation that is gone has no rows.
fn if_there(rows: Result<Vec<PgRow>, Failed>) -> Result<Vec<PgRow>, StoreError> {
    match rows {
        Err(failed) if failed.code().as_deref() == Some(UNDEFINED_TABLE) => Ok(Vec::new()),
        rows => Ok(rows?),
    }
}

/// PostgreSQL has no text that is less than the empty one.
fn first(after: Option<&str>) -> (From, String) {
    after.map_or((From::At, String::new()), |key| (From::Behind, without_zero(key)))
}

/// A key to look for. PostgreSQL takes no text with a zero byte, and so no view has such a key.
pub(crate) fn findable(key: impl AsRef<str>) -> Option<String> {
    let key = key.as_ref();
    (!key.contains('\0')).then(|| key.to_owned())
}

/// The last key before all that come behind `key`, which may have a zero byte: no other has one, and none is lower.
pub(crate) fn without_zero(key: &str) -> String {
    key.split('\0').next().unwrap_or_default().to_owned()
}

fn key_and_view(row: &PgRow) -> Result<(String, String), StoreError> {
    Ok((value(row, 0)?, value(row, 1)?))
}
