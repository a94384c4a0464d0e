//! Rows and what they mean, column by column.

use crate::errors::corrupt;
use chrono::{DateTime, Utc};
use es_core::{
    Appended, CommandId, Cursor, EventId, Metadata, Payload, Position, Recorded, Slices, Snapshot,
    StoreError, StreamId, Version,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite};
use std::fmt;
use uuid::Uuid;

/// The value of a column. Its type needs no check: the tables are strict.
pub(crate) fn value<'r, T: Decode<'r, Sqlite>>(row: &'r SqliteRow, column: usize) -> Result<T, StoreError> {
    row.try_get_unchecked(column).map_err(corrupt)
}

/// The value of a column that may be null.
pub(crate) fn optional<'r, T: Decode<'r, Sqlite>>(
    row: &'r SqliteRow,
    column: usize,
) -> Result<Option<T>, StoreError> {
    value(row, column)
}

/// A number that is never negative.
pub(crate) fn count(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    let number: i64 = value(row, column)?;
    u64::try_from(number).map_err(|_| corrupt(format_args!("expected a count, found {number}")))
}

pub(crate) fn uuid(row: &SqliteRow, column: usize) -> Result<Uuid, StoreError> {
    Uuid::from_slice(value(row, column)?).map_err(corrupt)
}

pub(crate) fn optional_uuid(row: &SqliteRow, column: usize) -> Result<Option<Uuid>, StoreError> {
    let bytes: Option<&[u8]> = optional(row, column)?;
    bytes.map(Uuid::from_slice).transpose().map_err(corrupt)
}

pub(crate) fn time(row: &SqliteRow, column: usize) -> Result<DateTime<Utc>, StoreError> {
    let micros: i64 = value(row, column)?;
    DateTime::from_timestamp_micros(micros)
        .ok_or_else(|| corrupt(format_args!("{micros} microseconds are no time")))
}

pub(crate) fn stream(row: &SqliteRow, column: usize) -> Result<StreamId, StoreError> {
    parsed(row, column)
}

pub(crate) fn parsed<T: std::str::FromStr<Err: fmt::Display>>(
    row: &SqliteRow,
    column: usize,
) -> Result<T, StoreError> {
    value::<&str>(row, column)?.parse().map_err(corrupt)
}

/// Position and event id, from column 0 on.
pub(crate) fn cursor(row: &SqliteRow) -> Result<Cursor, StoreError> {
    Ok(Cursor { position: Position::new(count(row, 0)?), event_id: EventId::new(uuid(row, 1)?) })
}

/// A checkpoint, which has no row yet where the position is null.
pub(crate) fn optional_cursor(row: &SqliteRow, column: usize) -> Result<Option<Cursor>, StoreError> {
    let position: Option<i64> = optional(row, column)?;
    match (position, optional_uuid(row, column + 1)?) {
        (Some(_), Some(id)) => {
            Ok(Some(Cursor { position: Position::new(count(row, column)?), event_id: EventId::new(id) }))
        }
        (None, None) => Ok(None),
        _ => Err(corrupt("a checkpoint has a position without an event, or an event without a position")),
    }
}

/// The first slice and the one behind the last.
pub(crate) fn slices(row: &SqliteRow, column: usize) -> Result<Slices, StoreError> {
    let (first, end) = (shards(row, column)?, shards(row, column + 1)?);
    Slices::new(first, end).ok_or_else(|| corrupt(format_args!("there are no slices from {first} to {end}")))
}

/// A number of shards or of a slice.
pub(crate) fn shards(row: &SqliteRow, column: usize) -> Result<u16, StoreError> {
    u16::try_from(count(row, column)?).map_err(corrupt)
}

/// An event of `stream`: position, event id, version, name, schema version, recorded at, correlation, causation,
/// metadata, payload.
pub(crate) fn recorded(row: &SqliteRow, stream: StreamId) -> Result<Recorded<Payload>, StoreError> {
    let metadata: Option<&[u8]> = optional(row, 8)?;
    let (correlation_id, causation_id) = (optional_uuid(row, 6)?, optional_uuid(row, 7)?);
    Ok(Recorded {
        position: Position::new(count(row, 0)?),
        event_id: EventId::new(uuid(row, 1)?),
        stream,
        version: Version::new(count(row, 2)?),
        name: value::<String>(row, 3)?.into(),
        schema_version: small(row, 4)?,
        recorded_at: time(row, 5)?,
        metadata: Metadata::from_json_and_ids(metadata, correlation_id, causation_id).map_err(corrupt)?,
        data: Payload::new(value::<Vec<u8>>(row, 9)?),
    })
}

/// The same with the stream in column 10.
pub(crate) fn recorded_somewhere(row: &SqliteRow) -> Result<Recorded<Payload>, StoreError> {
    recorded(row, stream(row, 10)?)
}

/// How many bytes the payload in column 9 has.
pub(crate) fn payload_bytes(event: &Recorded<Payload>) -> usize {
    event.data.as_bytes().len()
}

/// A snapshot in the columns of an event.
pub(crate) fn snapshot(
    row: &SqliteRow,
    stream: StreamId,
    schema_version: u32,
) -> Result<Snapshot, StoreError> {
    Ok(Snapshot {
        stream,
        version: Version::new(count(row, 2)?),
        event_id: EventId::new(uuid(row, 1)?),
        schema_version,
        state: Payload::new(value::<Vec<u8>>(row, 9)?),
    })
}

/// What a command was answered: command id, stream, version, events, position, recorded at.
pub(crate) fn answer(row: &SqliteRow) -> Result<(CommandId, StreamId, Appended), StoreError> {
    let (events, last) = (count(row, 3)?, count(row, 4)?);
    let first = last.checked_sub(events).ok_or_else(|| corrupt("a command has more events than the log"))?;
    let appended = Appended {
        version: Version::new(count(row, 2)?),
        positions: (first + 1..=last).map(Position::new).collect(),
        position: Position::new(last),
        recorded_at: time(row, 5)?,
        repeated: true,
    };
    Ok((parsed(row, 0)?, stream(row, 1)?, appended))
}

/// A number that fits 32 bits.
pub(crate) fn small(row: &SqliteRow, column: usize) -> Result<u32, StoreError> {
    let number: i64 = value(row, column)?;
    u32::try_from(number).map_err(|_| corrupt(format_args!("expected a version, found {number}")))
}

/// A number as SQLite keeps it.
///
/// # Errors
/// When it is beyond 63 bits: no stored number is.
pub(crate) fn sql_number(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::Unusable(format!("it has no position or version {number}: numbers end at 2^63"))
    })
}
