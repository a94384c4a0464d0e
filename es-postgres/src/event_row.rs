//! Decodes the columns of an event, whether the driver has cut its row into them or a copy has brought it whole.
//!
//! By hand, since the driver compares the type of each column of each row with the one that is wanted. What the types are
//! is settled by the migrations; numbers and ids are checked for their length, texts for being UTF-8.

use crate::errors::corrupt;
use crate::packed::Packed;
use crate::rows::{self, unsigned};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use es_core::{EventId, Metadata, Payload, Position, Recorded, StoreError, StreamId, Version};
use sqlx::postgres::PgRow;
use std::str;
use uuid::Uuid;

/// PostgreSQL counts from the year 2000.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// The columns of a row one after the other, as PostgreSQL sends them in binary.
pub(crate) trait Columns<'r> {
    /// The next one; nothing where it is null.
    fn column(&mut self) -> Result<Option<&'r [u8]>, StoreError>;

    fn some(&mut self) -> Result<&'r [u8], StoreError> {
        self.column()?.ok_or_else(|| corrupt("a column of the log is null"))
    }

    fn text(&mut self) -> Result<&'r str, StoreError> {
        str::from_utf8(self.some()?).map_err(corrupt)
    }

    fn number(&mut self) -> Result<i64, StoreError> {
        rows::number(self.some()?)
    }

    fn count(&mut self) -> Result<u64, StoreError> {
        unsigned(self.number()?)
    }

    fn uuid(&mut self) -> Result<Uuid, StoreError> {
        Uuid::from_slice(self.some()?).map_err(corrupt)
    }

    fn optional_uuid(&mut self) -> Result<Option<Uuid>, StoreError> {
        self.column()?.map(|bytes| Uuid::from_slice(bytes).map_err(corrupt)).transpose()
    }

    fn time(&mut self) -> Result<DateTime<Utc>, StoreError> {
        let since_1970 = self.number()?.checked_add(EPOCH_MICROSECONDS);
        let time = since_1970.and_then(DateTime::from_timestamp_micros);
        time.ok_or_else(|| corrupt("an event was recorded at no time"))
    }
}

/// An event of `stream`: position, event id, version, name, schema version, recorded at, correlation, causation,
/// metadata, payload; and its stream, where it is not known. A large payload is made by `own`.
pub(crate) fn recorded<'r>(
    row: &mut impl Columns<'r>,
    stream: Option<&StreamId>,
    packed: &mut Packed,
    own: impl FnOnce(&'r [u8]) -> Bytes,
) -> Result<Recorded<Payload>, StoreError> {
    let position = Position::new(row.count()?);
    let event_id = EventId::new(row.uuid()?);
    let version = Version::new(row.count()?);
    let name = packed.names.name(row.text()?);
    let schema_version = u32::try_from(row.count()?).map_err(corrupt)?;
    let recorded_at = row.time()?;
    let (correlation_id, causation_id) = (row.optional_uuid()?, row.optional_uuid()?);
    let metadata =
        Metadata::from_json_and_ids(row.column()?, correlation_id, causation_id).map_err(corrupt)?;
    let payload = row.some()?;
    let data = packed.payload(payload, || own(payload));
    let stream = match stream {
        Some(stream) => stream.clone(),
        None => row.text()?.parse().map_err(corrupt)?,
    };
    Ok(Recorded { position, event_id, stream, version, name, schema_version, recorded_at, metadata, data })
}

/// The event in a row of the driver.
pub(crate) fn of_row(
    row: &PgRow,
    stream: Option<&StreamId>,
    packed: &mut Packed,
) -> Result<Recorded<Payload>, StoreError> {
    recorded(&mut OfRow { row, at: 0 }, stream, packed, Bytes::copy_from_slice)
}

struct OfRow<'r> {
    row: &'r PgRow,
    at: usize,
}

impl<'r> Columns<'r> for OfRow<'r> {
    fn column(&mut self) -> Result<Option<&'r [u8]>, StoreError> {
        let column = rows::raw(self.row, self.at);
        self.at += 1;
        column
    }
}
