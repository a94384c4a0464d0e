//! Reading and filling inline views.

use crate::PostgresStore;
use crate::inline::{AnyInline, Inline};
use crate::inline_append::{Fold, NotStored};
use crate::rows::{sql_limit, stream, value};
use crate::views::{findable, without_zero};
use es_core::{Projection, ProjectionId, StoreError, StreamId};
use std::sync::Arc;

/// How many streams are looked up at a time.
const STREAMS: i64 = 1_000;

impl PostgresStore {
    /// The view of `P` with this key, as the last append to its stream has left it.
    ///
    /// # Errors
    /// [`StoreError`] when the store or the view cannot be read.
    pub async fn inline_view<P: Projection>(&self, key: &P::Key) -> Result<Option<P>, StoreError> {
        let projection = ProjectionId::new(P::NAME, P::VERSION)?;
        let key = key.to_string();
        let view = self.inline_json(&projection, &key).await?;
        let parsed = view.map(|view| serde_json::from_str(&view)).transpose();
        parsed.map_err(|_| {
            let key = key.escape_debug();
            StoreError::Unusable(format!(
                "the view `{key}` of projection {projection} does not fit (after a change of its type, raise VERSION)"
            ))
        })
    }

    /// Brings the inline views of `P` up to date in all streams; says in how many it had to. For a projection that is
    /// new, or where a program without it has appended. Call it at any time beside writers: a stream takes part in one
    /// short transaction, and nobody's events are folded twice or passed over. Killed, it is simply called again.
    ///
    /// # Errors
    /// [`StoreError::Inline`] at the first event that `P` cannot take; others when the store failed.
    pub async fn fill_inline<P: Projection>(&self) -> Result<u64, StoreError> {
        self.fold_all(Arc::new(Inline::<P>::new()?), Fold::On).await
    }

    /// Folds the inline views of `P` again from the first event of each stream, as
    /// [`fill_inline`](Self::fill_inline) does: for views that another code has made. Readers see old views and new ones
    /// while it runs; a new [`VERSION`](Projection::VERSION) has views of its own instead.
    ///
    /// # Errors
    /// As [`fill_inline`](Self::fill_inline).
    pub async fn refill_inline<P: Projection>(&self) -> Result<u64, StoreError> {
        self.fold_all(Arc::new(Inline::<P>::new()?), Fold::Anew).await
    }

    async fn fold_all(&self, inline: Arc<dyn AnyInline>, fold: Fold) -> Result<u64, StoreError> {
        let (mut after, mut folded) = (String::new(), 0);
        loop {
            let query = sqlx::query(self.sql().next_streams.clone()).bind(after).bind(STREAMS);
            let rows = self.connections().rows(query).await?;
            let streams: Vec<_> = rows.iter().map(|row| stream(row, 0)).collect::<Result<_, _>>()?;
            let Some(last) = streams.last() else { return Ok(folded) };
            after = last.as_str().to_owned();
            for stream in streams {
                folded += u64::from(self.fold_one(Arc::clone(&inline), stream, fold).await?);
            }
        }
    }

    async fn fold_one(
        &self,
        inline: Arc<dyn AnyInline>,
        stream: StreamId,
        fold: Fold,
    ) -> Result<bool, StoreError> {
        let this = self.clone();
        let folded: Result<bool, NotStored> = self
            .connections()
            .transaction(move |connection| {
                Box::pin(async move { this.fold_stream(connection, &*inline, &stream, fold).await })
            })
            .await;
        Ok(folded?)
    }

    pub(crate) async fn inline_json(
        &self,
        projection: &ProjectionId,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        let query = sqlx::query(self.sql().inline_view.clone())
            .bind(projection.name().to_owned())
            .bind(i64::from(projection.version()))
            .bind(findable(key));
        let row = self.connections().row(query).await?;
        row.map_or(Ok(None), |row| value(&row, 0))
    }

    pub(crate) async fn inline_jsons(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let query = sqlx::query(self.sql().inline_views.clone())
            .bind(projection.name().to_owned())
            .bind(i64::from(projection.version()))
            .bind(after.map(without_zero).unwrap_or_default())
            .bind(sql_limit(limit));
        let rows = self.connections().rows(query).await?;
        rows.iter().map(|row| Ok((value(row, 0)?, value(row, 1)?))).collect()
    }
}
