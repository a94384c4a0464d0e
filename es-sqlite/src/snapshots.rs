//! [`SnapshotStore`] on SQLite.

use crate::append_batch::json;
use crate::errors::corrupt;
use crate::hop::{HopError, Query, autocommit, hop_and_commit};
use crate::rows::{count, sql_number, stream};
use crate::views::sql_limit;
use crate::{SqliteStore, reads, sql};
use async_trait::async_trait;
use es_core::{
    KeptSnapshot, Snapshot, SnapshotPlace, SnapshotStore, SnapshotsOf, StoreError, StreamId, StreamPage,
    Version,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

#[async_trait]
impl SnapshotStore for SqliteStore {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        reads::load(self.readers(), stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        let query = sqlx::query(sql::SAVE)
            .bind(snapshot.stream.as_str().to_owned())
            .bind(snapshot.schema_version)
            .bind(sql_number(snapshot.version.value())?)
            .bind(snapshot.event_id.uuid().as_bytes().to_vec())
            .bind(snapshot.state.as_bytes().to_vec());
        self.writer().run(move |connection| Box::pin(autocommit(connection, query))).await
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        let (from, below) = of.bounds();
        let query = sqlx::query(sql::SNAPSHOTS)
            .bind(from)
            .bind(below)
            .bind(after.map(|after| after.stream.to_string()).unwrap_or_default())
            .bind(after.map_or(0, |after| after.schema_version))
            .bind(sql_limit(limit.max(1)));
        self.readers().collect(query, |_, row| kept(&row).map(Some)).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        let rows: Vec<_> = places.iter().map(|place| (place.stream.as_str(), place.schema_version)).collect();
        let query = sqlx::query(sql::DROP_SNAPSHOTS).bind(json(&rows));
        self.writer().run(move |connection| Box::pin(rows_of(connection, query))).await
    }
}

/// How many rows a statement gives that is a transaction by itself.
async fn rows_of(connection: &mut SqliteConnection, query: Query) -> Result<u64, StoreError> {
    let hop = hop_and_commit(connection, query, 1).await.map_err(HopError::store_error)?;
    Ok(hop.rows.iter().map(Vec::len).sum::<usize>() as u64)
}

fn kept(row: &SqliteRow) -> Result<KeptSnapshot, StoreError> {
    let schema_version = u32::try_from(count(row, 1)?).map_err(corrupt)?;
    Ok(KeptSnapshot {
        place: SnapshotPlace { stream: stream(row, 0)?, schema_version },
        version: Version::new(count(row, 2)?),
        bytes: count(row, 3)?,
    })
}
