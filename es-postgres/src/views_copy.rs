//! The first views of a build go into their empty table by `COPY`.

use crate::PostgresStore;
use crate::checkpoints::{NotWritten, bind_move, check_key};
use crate::copied::view_pieces;
use crate::errors::{Failed, UNDEFINED_TABLE};
use crate::session::fetch;
use es_core::{CommitError, Cursor, GenerationState, Grant, ViewWrite};
use sqlx::PgConnection;
use std::sync::Arc;

/// From how many views on it is faster than a statement.
const COPIED_VIEWS_MIN: usize = 1_000;

/// How much is sent at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Whether these are the first views of a large build. Another shard may have written others.
pub(crate) fn is_worth_it(grant: &Grant, writes: &[ViewWrite]) -> bool {
    grant.lease.of == GenerationState::Building
        && grant.cursor.is_none()
        && writes.len() >= COPIED_VIEWS_MIN
        && writes.iter().all(|write| write.view.is_some())
}

impl PostgresStore {
    /// Moves the checkpoint and then copies the views in, in one transaction. Where one of them is there already, they are
    /// written by a statement after all.
    pub(crate) async fn commit_by_copy(
        &self,
        grant: Grant,
        to: Option<Cursor>,
        writes: Vec<ViewWrite>,
    ) -> Result<(), CommitError> {
        writes.iter().try_for_each(|write| check_key(&write.key))?;
        let (this, granted, writes) = (self.clone(), grant.clone(), Arc::new(writes));
        let views = Arc::clone(&writes);
        let copied = self
            .connections()
            .transaction(move |connection| {
                Box::pin(async move { this.move_and_copy(connection, &granted, to, &views).await })
            })
            .await;
        match copied {
            Ok(()) => Ok(()),
            Err(NotWritten::Fenced) => Err(grant.fenced()),
            Err(NotWritten::Store(error)) => Err(error.into()),
            // Its views were dropped with it.
            Err(NotWritten::Sql(failed)) if failed.code().as_deref() == Some(UNDEFINED_TABLE) => {
                Err(grant.fenced())
            }
            Err(NotWritten::Sql(failed)) if failed.is_lost_race() => {
                let writes = Arc::unwrap_or_clone(writes);
                self.commit_by_statement(grant, to, writes).await
            }
            Err(NotWritten::Sql(failed)) => Err(failed.of_write().into()),
        }
    }

    async fn move_and_copy(
        &self,
        connection: &mut PgConnection,
        grant: &Grant,
        to: Option<Cursor>,
        writes: &[ViewWrite],
    ) -> Result<(), NotWritten> {
        let query = bind_move(sqlx::query(self.sql().move_checkpoint.clone()), grant, to)?;
        // Who holds the lock on the row of the checkpoint is the only one who writes until the end.
        if fetch(connection, query).await?.is_empty() {
            return Err(NotWritten::Fenced);
        }
        let text = self.sql().copy_views(grant.generation);
        let mut copy = connection.copy_in_raw(&text).await.map_err(Failed::under_way)?;
        for piece in view_pieces(writes, PIECE_BYTES) {
            copy.send(piece).await.map_err(Failed::under_way)?;
        }
        copy.finish().await.map_err(Failed::under_way)?;
        Ok(())
    }
}
