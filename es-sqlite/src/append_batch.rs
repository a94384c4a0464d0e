//! Carries out what is queued of appends in one transaction: two hops, and one more for every further chunk of rows.

use crate::append::{EventWrite, Facts, Questions, StoredEvent, Writes};
use crate::errors::corrupt;
use crate::hop::{Hop, HopError, Query, hop, hop_and_commit};
use crate::rows::{answer, count, sql_number, stream, time, uuid, value};
use crate::sql;
use chrono::{DateTime, Utc};
use es_core::{Append, AppendError, Appended, EventId, Position, StoreError, Version};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// What each call of a batch is answered.
pub(crate) type Answers = Vec<Result<Vec<Appended>, AppendError>>;

/// Stores the appends of several calls, each call on its own terms; an error means that none was stored, or that
/// nobody knows.
pub(crate) async fn append_batch(
    connection: &mut SqliteConnection,
    calls: &[&[Append]],
    recorded_at: DateTime<Utc>,
) -> Result<Answers, HopError> {
    let mut facts = look_up(connection, calls).await?;
    let mut writes = Writes { recorded_at, ..Writes::default() };
    let answers = calls.iter().map(|call| facts.decide(call, &mut writes)).collect();
    write_and_commit(connection, &writes).await?;
    Ok(answers)
}

async fn look_up(connection: &mut SqliteConnection, calls: &[&[Append]]) -> Result<Facts, HopError> {
    let questions = Questions::of(calls.iter().flat_map(|call| call.iter()));
    let ids: Vec<_> = questions.event_ids.iter().map(|id| id.uuid().simple()).collect();
    let query = sqlx::query(sql::BEGIN_AND_LOOK_UP)
        .bind(json(&questions.streams))
        .bind(json(&ids.iter().map(ToString::to_string).collect::<Vec<_>>()))
        .bind(json(&questions.command_ids));
    facts(hop(connection, query).await?).map_err(not_stored)
}

fn facts(mut hop: Hop) -> Result<Facts, StoreError> {
    let last = hop.rows(1).first().map_or(Ok(0), |row| count(row, 0))?;
    let mut facts = Facts { last, ..Facts::default() };
    for row in hop.rows(2) {
        if value::<Option<i64>>(&row, 1)?.is_some() {
            facts.heads.insert(stream(&row, 0)?, Version::new(count(&row, 1)?));
        }
    }
    for row in hop.rows(3) {
        facts.events.insert(EventId::new(uuid(&row, 0)?), stored_event(&row)?);
    }
    for row in hop.rows(4) {
        let (id, stream, appended) = answer(&row)?;
        facts.commands.insert(id, (stream, appended));
    }
    Ok(facts)
}

fn stored_event(row: &SqliteRow) -> Result<StoredEvent, StoreError> {
    Ok(StoredEvent {
        stream: stream(row, 1)?,
        version: Version::new(count(row, 2)?),
        position: Position::new(count(row, 3)?),
        recorded_at: time(row, 4)?,
    })
}

/// The last chunk of rows, the commands and the commit share a hop.
async fn write_and_commit(connection: &mut SqliteConnection, writes: &Writes<'_>) -> Result<(), HopError> {
    let commands = (!writes.commands.is_empty()).then(|| command_rows(writes)).transpose();
    let commands = commands.map_err(not_stored)?;
    let mut rest = &writes.events[..];
    while let Some(power) = power_of(rest.len()) {
        let (chunk, behind) = rest.split_at(1 << power);
        rest = behind;
        if rest.is_empty() {
            let (text, statements) = match commands {
                Some(_) => (&sql::EVENTS_COMMANDS_AND_COMMIT[power], 3),
                None => (&sql::EVENTS_AND_COMMIT[power], 2),
            };
            let query = bind_events(text, chunk, writes).map_err(not_stored)?;
            return commit(connection, bind_commands(query, commands), statements).await;
        }
        hop(connection, bind_events(&sql::EVENTS[power], chunk, writes).map_err(not_stored)?).await?;
    }
    match commands {
        Some(_) => {
            commit(connection, bind_commands(sqlx::query(sql::COMMANDS_AND_COMMIT.as_str()), commands), 2)
                .await
        }
        None => commit(connection, sqlx::query(sql::COMMIT), 1).await,
    }
}

async fn commit(connection: &mut SqliteConnection, query: Query, statements: usize) -> Result<(), HopError> {
    hop_and_commit(connection, query, statements).await.map(|_| ())
}

/// The largest power of two that is not above `rows`, and not above the largest statement; none for no rows.
pub(crate) fn power_of(rows: usize) -> Option<usize> {
    rows.checked_ilog2().map(|power| power.min(sql::ROWS_POWER_MAX) as usize)
}

fn bind_events(
    text: &'static str,
    chunk: &[EventWrite<'_>],
    writes: &Writes<'_>,
) -> Result<Query, StoreError> {
    let recorded_at = writes.recorded_at.timestamp_micros();
    let mut query = sqlx::query(text);
    for EventWrite { stream, version, position, event } in chunk {
        let metadata = &event.metadata;
        query = query
            .bind(sql_number(position.value())?)
            .bind(stream.as_str())
            .bind(sql_number(version.value())?)
            .bind(event.event_id.uuid().as_bytes().as_slice())
            .bind(event.name.as_ref())
            .bind(event.schema_version)
            .bind(recorded_at)
            .bind(metadata.correlation_id.as_ref().map(|id| id.as_bytes().as_slice()))
            .bind(metadata.causation_id.as_ref().map(|id| id.as_bytes().as_slice()))
            .bind(metadata.to_json_without_ids())
            .bind(event.payload.as_bytes());
    }
    Ok(query)
}

fn bind_commands(query: Query, commands: Option<String>) -> Query {
    match commands {
        Some(json) => query.bind(json),
        None => query,
    }
}

fn command_rows(writes: &Writes<'_>) -> Result<String, StoreError> {
    let recorded_at = writes.recorded_at.timestamp_micros();
    let rows: Result<Vec<_>, StoreError> = writes
        .commands
        .iter()
        .map(|(id, stream, appended)| {
            let (version, position) =
                (sql_number(appended.version.value())?, sql_number(appended.position.value())?);
            Ok((id, stream, version, appended.positions.len(), position, recorded_at))
        })
        .collect();
    Ok(json(&rows?))
}

/// A JSON array for SQLite's `json_each`.
pub(crate) fn json(values: &impl serde::Serialize) -> String {
    serde_json::to_string(values).expect("strings and numbers always have a JSON form")
}

/// What was looked up makes no sense, or a number is too large: nothing was written.
fn not_stored(error: StoreError) -> HopError {
    let error = sqlx::Error::Decode(Box::new(corrupt(error)));
    HopError { error: Arc::new(error), may_have_committed: false }
}
