//! [`ViewStore`] on SQLite.

use crate::append_batch::json;
use crate::errors::corrupt;
use crate::rows::value;
use crate::{SqliteStore, sql};
use async_trait::async_trait;
use es_core::{GenerationId, ProjectionId, StoreError, ViewStore};
use sqlx::sqlite::SqliteRow;

#[async_trait]
impl ViewStore for SqliteStore {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query(sql::VIEW)
            .bind(projection.name().to_owned())
            .bind(projection.version())
            .bind(key.to_owned());
        self.readers().row(query).await?.map(|row| value(&row, 0)).transpose()
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let query = sqlx::query(sql::VIEWS)
            .bind(projection.name().to_owned())
            .bind(projection.version())
            .bind(first_key_behind(after))
            .bind(sql_limit(limit));
        self.readers().collect(query, key_and_view).await
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let query = sqlx::query(sql::LOAD_VIEWS).bind(generation.value()).bind(json(&keys));
        let mut views = vec![None; keys.len()];
        for row in self.readers().rows(query).await? {
            let place = usize::try_from(value::<i64>(&row, 0)?).map_err(corrupt)?;
            if let Some(view) = views.get_mut(place) {
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
        let query = sqlx::query(sql::GENERATION_VIEWS)
            .bind(generation.value())
            .bind(first_key_behind(after))
            .bind(sql_limit(limit));
        self.readers().collect(query, key_and_view).await
    }
}

fn key_and_view(_statement: usize, row: SqliteRow) -> Result<Option<(String, String)>, StoreError> {
    Ok(Some((value(&row, 0)?, value(&row, 1)?)))
}

/// Between a text and the same text with a zero behind it there is no other, so that `>=` serves both cases.
fn first_key_behind(after: Option<&str>) -> String {
    after.map_or_else(String::new, |key| format!("{key}\0"))
}

pub(crate) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
