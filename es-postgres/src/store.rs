//! [`PostgresStore`].

use crate::bulk::RowsMax;
use crate::connections::Connections;
use crate::horizon::Horizon;
use crate::inline::Inlines;
use crate::known::names_one_id_twice;
use crate::lanes::Lanes;
use crate::loads::Loads;
use crate::sql::Sql;
use crate::views::LiveGenerations;
use crate::wake::{Notifications, Wake};
use crate::{Pooler, PostgresOptions, reads};
use async_trait::async_trait;
use es_core::{
    Append, AppendError, Appended, CommandId, Cursor, EventId, EventStore, Filter, Limits, LogPage, Payload,
    Position, Recorded, StoreError, StreamId, StreamPage, StreamRange, Version, WakeUps,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// An event store in a schema of a PostgreSQL database. A clone shares the connections.
///
/// An append is one statement, which is a transaction by itself: one round trip. Appends of one process that come while
/// a statement is under way go out together in the next one, each with its own outcome. Writers never wait for
/// readers, nor for each other unless they append to the same stream; only when a transaction of somebody else's holds
/// a stream do appends of this process wait behind one to that stream, and no longer than the
/// [lock time-out](PostgresOptions::lock_timeout). Readers stop below what an open append may still bring: see
/// [`blockers`](Self::blockers).
///
/// Calls can be dropped at any time, and no connection is left in a transaction. An append that was queued is stored
/// all the same: send it again with the same event ids to learn its outcome.
#[derive(Clone)]
pub struct PostgresStore {
    parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) lanes: Lanes,
    pub(crate) horizon: Horizon,
    pub(crate) loads: Loads,
    pub(crate) connections: Connections,
    pub(crate) rows_max: RowsMax,
    pub(crate) stream_rows_max: RowsMax,
    pub(crate) sql: Arc<Sql>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) notifications: Option<Notifications>,
    pub(crate) pooler: Pooler,
    pub(crate) limits: Limits,
    pub(crate) live_generations: LiveGenerations,
    pub(crate) idle_in_transaction_timeout: Duration,
    pub(crate) inlines: Inlines,
    pub(crate) store_id: Uuid,
}

impl PostgresStore {
    /// Opens the store in the schema `es` of the database that this URL names, with the default
    /// [options](PostgresOptions).
    ///
    /// # Errors
    /// As [`PostgresOptions::new`] and [`PostgresOptions::open`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        PostgresOptions::new(url)?.open().await
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The id that this store got when its schema was made; a copy of the database has it too.
    pub fn store_id(&self) -> Uuid {
        self.parts.store_id
    }

    /// Finishes what was queued, refuses what comes later, and closes the connections.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when a task that appends had died.
    pub async fn close(&self) -> Result<(), StoreError> {
        let closed = self.parts.lanes.close().await;
        if let Some(notifications) = &self.parts.notifications {
            notifications.stop();
        }
        self.parts.connections.close().await;
        closed
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.parts.connections
    }

    pub(crate) fn loads(&self) -> &Loads {
        &self.parts.loads
    }

    pub(crate) fn horizon(&self) -> &Horizon {
        &self.parts.horizon
    }

    pub(crate) fn rows_max(&self) -> &RowsMax {
        &self.parts.rows_max
    }

    pub(crate) fn stream_rows_max(&self) -> &RowsMax {
        &self.parts.stream_rows_max
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.parts.sql
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.parts.wake
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.parts.limits
    }

    pub(crate) fn pooler(&self) -> Pooler {
        self.parts.pooler
    }

    pub(crate) fn live_generations(&self) -> &LiveGenerations {
        &self.parts.live_generations
    }

    pub(crate) fn inlines(&self) -> &Inlines {
        &self.parts.inlines
    }

    pub(crate) fn idle_in_transaction_timeout(&self) -> Duration {
        self.parts.idle_in_transaction_timeout
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("store_id", &self.parts.store_id).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.limits().check(&appends)?;
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        // Nothing is stored for a call that names one id twice, and so nothing is folded.
        if self.inlines().want(&appends) && !names_one_id_twice(&appends) {
            return self.append_inline(appends).await;
        }
        self.parts.lanes.append(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        reads::read(self, stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        reads::read_all(self, after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        reads::head(self).await
    }

    async fn predecessors(&self, events: &[&Recorded<Payload>]) -> Result<Vec<Version>, StoreError> {
        reads::predecessors(self, events).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        reads::event_id_at(self, position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        reads::answered(self, command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        self.parts.wake.subscribe()
    }
}
