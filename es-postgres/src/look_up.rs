//! Looks up what the store holds of a call, part of which was recorded before or which names one id twice.

use crate::connections::Connections;
use crate::errors::{Failed, corrupt};
use crate::known::{Known, Seen, StoredEvent};
use crate::options::Pooler;
use crate::reads;
use crate::rows::{self, value};
use crate::session::{Query, fetch};
use crate::sql::Sql;
use es_core::{Append, AppendError, Appended, CommandId, EventId, Position, StoreError, Version};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

/// Whoever runs one statement after the other.
pub(crate) trait Asks: Send {
    fn rows(&mut self, query: Query) -> impl Future<Output = Result<Vec<PgRow>, Failed>> + Send;
}

impl Asks for Connections {
    async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        Connections::rows(self, query).await
    }
}

/// A transaction that is open.
pub(crate) struct InTransaction<'c> {
    pub(crate) connection: &'c mut PgConnection,
    pub(crate) pooler: Pooler,
}

impl Asks for InTransaction<'_> {
    async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        fetch(self.connection, self.pooler.prepared(query)).await
    }
}

/// Answers a call of which something is known; that never changes any more. What an appending statement has not `seen`
/// of the streams is read.
pub(crate) async fn answer_known(
    asks: &mut impl Asks,
    sql: &Sql,
    appends: &[Append],
    seen: Option<Vec<Seen>>,
) -> Result<Vec<Appended>, AppendError> {
    let seen = match seen {
        Some(seen) => seen,
        None => look(asks, sql, appends).await?,
    };
    let ids: Vec<_> =
        appends.iter().flat_map(|append| &append.events).map(|event| event.event_id.uuid()).collect();
    let commands: Vec<_> =
        appends.iter().filter_map(|append| append.command_id.as_ref().map(CommandId::as_str)).collect();
    let events = asks.rows(sqlx::query(sql.events_by_id.clone()).bind(ids)).await;
    let events = events.map_err(StoreError::from)?;
    let commands = asks.rows(sqlx::query(sql.commands_by_id.clone()).bind(commands)).await;
    let answer = known(&events, &commands.map_err(StoreError::from)?)?.answer(appends, &seen)?;
    Ok(answer.ok_or_else(|| corrupt("an id is taken by nothing in the store"))?)
}

/// What is to be seen of the streams now.
async fn look(asks: &mut impl Asks, sql: &Sql, appends: &[Append]) -> Result<Vec<Seen>, StoreError> {
    let streams: Vec<_> = appends.iter().map(|append| append.stream.as_str()).collect();
    let rows = asks.rows(sqlx::query(sql.seen.clone()).bind(streams)).await?;
    let seen = |row: &PgRow| {
        let log_head = Position::new(rows::count(row, 1)?);
        Ok(Seen { head: Version::new(rows::count(row, 0)?), log_head, at: value(row, 2)? })
    };
    rows.iter().map(seen).collect()
}

fn known(events: &[PgRow], commands: &[PgRow]) -> Result<Known, StoreError> {
    let event = |row: &PgRow| {
        let stored = StoredEvent {
            stream: rows::stream(row, 1)?,
            version: Version::new(rows::count(row, 2)?),
            position: Position::new(rows::count(row, 3)?),
            recorded_at: value(row, 4)?,
        };
        Ok((EventId::new(value(row, 0)?), stored))
    };
    let command = |row: &PgRow| reads::answer(row).map(|(id, stream, appended)| (id, (stream, appended)));
    Ok(Known {
        events: events.iter().map(event).collect::<Result<_, StoreError>>()?,
        commands: commands.iter().map(command).collect::<Result<_, StoreError>>()?,
    })
}
