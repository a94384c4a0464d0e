//! Appends that change inline views in their own transaction.

use crate::PostgresStore;
use crate::appender::{RACES_MAX, always_late, pause_after};
use crate::batch::Verdict;
use crate::errors::Failed;
use crate::event_row;
use crate::inline::{AnyInline, StreamView, key_taken};
use crate::look_up::answer_known;
use crate::packed::Packed;
use crate::rows::{count, sql_number, value};
use crate::session::fetch;
use es_core::{
    Append, AppendError, Appended, PAGE_BYTES_MAX, Payload, Recorded, StoreError, StreamId, Version,
};
use sqlx::PgConnection;
use std::sync::Arc;

/// How many events are folded at a time.
const FOLD_EVENTS: usize = 1_000;

/// Why nothing was stored.
pub(crate) enum NotStored {
    /// A statement failed, and with it the transaction.
    Sql(Failed),
    Refused(StoreError),
}

/// The failure of the transaction as a whole, whose outcome may be unknown.
impl From<Failed> for NotStored {
    fn from(failed: Failed) -> Self {
        Self::Refused(failed.of_write())
    }
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<NotStored> for StoreError {
    fn from(not_stored: NotStored) -> Self {
        match not_stored {
            NotStored::Sql(failed) => failed.into(),
            NotStored::Refused(error) => error,
        }
    }
}

/// From where a stream is folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    /// From what its view has.
    On,
    /// From its first event.
    Anew,
}

impl PostgresStore {
    /// Appends one call, which is not empty and names no id twice; again when another writer was faster.
    pub(crate) async fn append_inline(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let appends: Arc<[Append]> = appends.into();
        for race in 1.. {
            let (this, sent) = (self.clone(), Arc::clone(&appends));
            let tried = self.connections().transaction(move |connection| {
                Box::pin(async move { this.append_and_fold(connection, &sent).await })
            });
            match tried.await {
                Ok(Verdict::Written(answers)) => {
                    self.committed();
                    return Ok(answers);
                }
                Ok(Verdict::Refused(error)) => return Err(error),
                Ok(Verdict::Known(seen)) => {
                    let mut connections = self.connections().clone();
                    return answer_known(&mut connections, self.sql(), &appends, seen).await;
                }
                Err(NotStored::Sql(failed)) if failed.is_lost_race() || failed.is_collision() => {
                    if race >= RACES_MAX {
                        return Err(always_late(race).into());
                    }
                    pause_after(race).await;
                }
                Err(other) => return Err(StoreError::from(other).into()),
            }
        }
        unreachable!("a loop without an end has returned")
    }

    /// Appends in a transaction, and folds what was appended into the views of those who want it.
    pub(crate) async fn append_and_fold(
        &self,
        connection: &mut PgConnection,
        appends: &[Append],
    ) -> Result<Verdict, NotStored> {
        let verdict = self.send_in(connection, appends).await.map_err(NotStored::Sql)??;
        if matches!(verdict, Verdict::Written(_)) {
            for append in appends {
                for inline in self.inlines().of(append) {
                    self.fold_stream(connection, inline, &append.stream, Fold::On).await?;
                }
            }
        }
        Ok(verdict)
    }

    /// Folds what the stream has beyond its view, and writes it; says whether there was anything. Who appends has the
    /// stream for itself until the end of its transaction, and the view's row is locked, so no event is missed.
    pub(crate) async fn fold_stream(
        &self,
        connection: &mut PgConnection,
        inline: &dyn AnyInline,
        stream: &StreamId,
        fold: Fold,
    ) -> Result<bool, NotStored> {
        let kept = self.load_inline(connection, inline, stream).await?;
        let is_kept = kept.is_some();
        let before = kept.filter(|_| fold == Fold::On).unwrap_or_default();
        let (mut now, mut is_wanted) = (before.clone(), false);
        loop {
            let events = self.events_behind(connection, stream, now.version).await?;
            let bytes: usize = events.iter().map(|event| event.data.as_bytes().len()).sum();
            let more = events.len() == FOLD_EVENTS || bytes >= PAGE_BYTES_MAX;
            is_wanted |= events.iter().any(|event| inline.wants(stream, &event.name));
            now = inline.fold(now, events)?;
            if !more {
                break;
            }
        }
        // A stream that is not wanted has no row.
        if now == before || !(is_kept || is_wanted) {
            return Ok(false);
        }
        self.write_inline(connection, inline, stream, now, fold).await?;
        Ok(true)
    }

    async fn load_inline(
        &self,
        connection: &mut PgConnection,
        inline: &dyn AnyInline,
        stream: &StreamId,
    ) -> Result<Option<StreamView>, NotStored> {
        let query = sqlx::query(self.sql().load_inline.clone())
            .bind(inline.projection().name().to_owned())
            .bind(i64::from(inline.projection().version()))
            .bind(stream.as_str().to_owned());
        let rows = fetch(connection, self.pooler().prepared(query)).await.map_err(NotStored::Sql)?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (key, version, view) = (value(row, 0)?, Version::new(count(row, 1)?), value(row, 2)?);
        Ok(Some(StreamView { key, view, version }))
    }

    /// The stream's next events, as every reader gets them, also those of this transaction.
    async fn events_behind(
        &self,
        connection: &mut PgConnection,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<Recorded<Payload>>, NotStored> {
        let query = sqlx::query(self.sql().read_forwards.clone())
            .bind(stream.as_str().to_owned())
            .bind(sql_number(after.value())?)
            .bind(i64::MAX)
            .bind(FOLD_EVENTS as i64)
            .bind(PAGE_BYTES_MAX as i64);
        let rows = fetch(connection, self.pooler().prepared(query)).await.map_err(NotStored::Sql)?;
        let mut packed = Packed::default();
        let events = rows.iter().map(|row| event_row::of_row(row, Some(stream), &mut packed));
        Ok(events.collect::<Result<_, _>>()?)
    }

    async fn write_inline(
        &self,
        connection: &mut PgConnection,
        inline: &dyn AnyInline,
        stream: &StreamId,
        now: StreamView,
        fold: Fold,
    ) -> Result<(), NotStored> {
        let version = now.version;
        let query = sqlx::query(self.sql().write_inline.clone())
            .bind(inline.projection().name().to_owned())
            .bind(i64::from(inline.projection().version()))
            .bind(stream.as_str().to_owned())
            .bind(now.key)
            .bind(sql_number(version.value())?)
            .bind(now.view)
            .bind(fold == Fold::Anew);
        match fetch(connection, self.pooler().prepared(query)).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.constraint() == Some("inline_views_key") => {
                Err(key_taken(inline, stream, version).into())
            }
            Err(failed) => Err(NotStored::Sql(failed)),
        }
    }
}
