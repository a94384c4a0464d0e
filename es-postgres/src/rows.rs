//! Reads the columns of a row as our own types; what this crate cannot have written is [`StoreError::Corrupt`].

use crate::errors::corrupt;
use es_core::{CommandId, Cursor, EventId, Payload, Position, Snapshot, StoreError, StreamId, Version};
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row, Type, ValueRef};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

pub(crate) fn value<'r, T>(row: &'r PgRow, column: usize) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(column).map_err(corrupt)
}

/// The bytes of a column as PostgreSQL sends it in binary; nothing where it is null. Its type is not looked at, which is
/// dear: for what is read of every row.
pub(crate) fn raw(row: &PgRow, column: usize) -> Result<Option<&[u8]>, StoreError> {
    let value = row.try_get_raw(column).map_err(corrupt)?;
    if value.is_null() {
        return Ok(None);
    }
    value.as_bytes().map(Some).map_err(corrupt)
}

/// A number of 64 bits that is never negative.
pub(crate) fn count(row: &PgRow, column: usize) -> Result<u64, StoreError> {
    let bytes = raw(row, column)?.ok_or_else(|| corrupt("expected a count, found null"))?;
    unsigned(number(bytes)?)
}

/// The 64 bits of a number.
pub(crate) fn number(bytes: &[u8]) -> Result<i64, StoreError> {
    Ok(i64::from_be_bytes(bytes.try_into().map_err(corrupt)?))
}

pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt(format_args!("expected a count, found {number}")))
}

/// A number that fits 32 bits.
pub(crate) fn small(row: &PgRow, column: usize) -> Result<u32, StoreError> {
    let number: i64 = value(row, column)?;
    u32::try_from(number).map_err(|_| corrupt(format_args!("expected a version, found {number}")))
}

pub(crate) fn stream(row: &PgRow, column: usize) -> Result<StreamId, StoreError> {
    parsed(row, column)
}

pub(crate) fn command_id(row: &PgRow, column: usize) -> Result<CommandId, StoreError> {
    parsed(row, column)
}

pub(crate) fn parsed<T: FromStr<Err: fmt::Display>>(row: &PgRow, column: usize) -> Result<T, StoreError> {
    value::<&str>(row, column)?.parse().map_err(corrupt)
}

/// Position and event id.
pub(crate) fn cursor(row: &PgRow, column: usize) -> Result<Cursor, StoreError> {
    let event_id: Uuid = value(row, column + 1)?;
    Ok(Cursor { position: Position::new(count(row, column)?), event_id: EventId::new(event_id) })
}

/// A checkpoint, which has no row yet where the position is null.
pub(crate) fn optional_cursor(row: &PgRow, column: usize) -> Result<Option<Cursor>, StoreError> {
    let position: Option<i64> = value(row, column)?;
    position.map(|_| cursor(row, column)).transpose()
}

/// A snapshot in the columns of an event.
pub(crate) fn snapshot(row: &PgRow, stream: StreamId, schema_version: u32) -> Result<Snapshot, StoreError> {
    Ok(Snapshot {
        stream,
        version: Version::new(count(row, 2)?),
        event_id: EventId::new(value(row, 1)?),
        schema_version,
        state: Payload::new(value::<Vec<u8>>(row, 9)?),
    })
}

/// A number as PostgreSQL keeps it.
///
/// # Errors
/// When it is beyond 63 bits: no stored number is.
pub(crate) fn sql_number(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| {
        StoreError::Unusable(format!("it has no position or version {number}: numbers end at 2^63"))
    })
}

/// How many rows to give at most.
pub(crate) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
