//! [`SnapshotStore`] on PostgreSQL.

use crate::errors::Failed;
use crate::rows::sql_number;
use crate::{PostgresStore, reads};
use async_trait::async_trait;
use es_core::{Snapshot, SnapshotStore, StoreError, StreamId, StreamPage};

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
}
