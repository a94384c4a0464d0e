//! [`SnapshotStore`] on SQLite.

use crate::hop::autocommit;
use crate::rows::sql_number;
use crate::{SqliteStore, reads, sql};
use async_trait::async_trait;
use es_core::{Snapshot, SnapshotStore, StoreError, StreamId, StreamPage};

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
}
