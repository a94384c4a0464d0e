//! [`SnapshotStore`] on PostgreSQL.

use crate::errors::{Failed, corrupt};
use crate::rows::{count, sql_limit, sql_number, stream, value};
use crate::{PostgresStore, reads};
use async_trait::async_trait;
use es_core::{
    KeptSnapshot, Snapshot, SnapshotPlace, SnapshotStore, SnapshotsOf, StoreError, StreamId, StreamPage,
    Version,
};
use sqlx::postgres::PgRow;

#[async_trait]
impl SnapshotStore for PostgresStore {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        reads::load(self, stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql().save.clone())
            .bind(snapshot.stream.as_str().to_owned())
            .bind(i64::from(snapshot.schema_version))
            .bind(sql_number(snapshot.version.value())?)
            .bind(snapshot.event_id.uuid())
            .bind(snapshot.state.as_bytes().to_vec());
        self.connections().rows(query).await.map_err(Failed::of_write)?;
        Ok(())
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        let (from, below) = of.bounds();
        let query = sqlx::query(self.sql().snapshots.clone())
            .bind(from)
            .bind(below)
            .bind(after.map(|after| after.stream.to_string()).unwrap_or_default())
            .bind(after.map_or(0, |after| i64::from(after.schema_version)))
            .bind(sql_limit(limit.max(1)));
        self.connections().rows(query).await?.iter().map(kept).collect()
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        let streams: Vec<_> = places.iter().map(|place| place.stream.to_string()).collect();
        let schema_versions: Vec<_> = places.iter().map(|place| i64::from(place.schema_version)).collect();
        let query = sqlx::query(self.sql().drop_snapshots.clone()).bind(streams).bind(schema_versions);
        let dropped = self.connections().rows(query).await.map_err(Failed::of_write)?;
        Ok(dropped.len() as u64)
    }
}

fn kept(row: &PgRow) -> Result<KeptSnapshot, StoreError> {
    let schema_version = u32::try_from(value::<i64>(row, 1)?).map_err(corrupt)?;
    Ok(KeptSnapshot {
        place: SnapshotPlace { stream: stream(row, 0)?, schema_version },
        version: Version::new(count(row, 2)?),
        bytes: count(row, 3)?,
    })
}
