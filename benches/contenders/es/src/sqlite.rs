//! [`Kept`] on SQLite.

use crate::on::Kept;
use anyhow::Result;
use contender::Place;
use es_sqlite::SqliteStore;
use sqlx::{Connection, SqliteConnection};
use std::path::PathBuf;

impl Kept for SqliteStore {
    async fn at(place: &Place) -> Result<Self> {
        Ok(Self::open(file(place)).await?)
    }

    async fn end(&self) -> Result<()> {
        Ok(self.close().await?)
    }

    async fn count(place: &Place) -> Result<i64> {
        let url = format!("sqlite:{}", file(place).display());
        let mut connection = SqliteConnection::connect(&url).await?;
        Ok(sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut connection).await?)
    }
}

/// The database.
fn file(place: &Place) -> PathBuf {
    place.folder.join("es.db")
}
