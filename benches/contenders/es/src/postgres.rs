//! [`Kept`] on PostgreSQL.

use crate::on::Kept;
use anyhow::Result;
use contender::Place;
use es_postgres::PostgresStore;
use sqlx::{Connection, PgConnection};

impl Kept for PostgresStore {
    async fn at(place: &Place) -> Result<Self> {
        Ok(Self::open(&place.url).await?)
    }

    async fn end(&self) -> Result<()> {
        Ok(self.close().await?)
    }

    async fn count(place: &Place) -> Result<i64> {
        let mut connection = PgConnection::connect(&place.url).await?;
        Ok(sqlx::query_scalar("SELECT count(*) FROM es.events").fetch_one(&mut connection).await?)
    }
}
