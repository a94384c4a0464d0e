//! Reads the log in pages.

use crate::errors::corrupt;
use crate::filter::filtered;
use crate::readers::Readers;
use crate::rows;
use crate::sql;
use es_core::{
    Appended, CommandId, Cursor, Direction, EventId, Filter, LogPage, PAGE_BYTES_MAX, PAGE_EVENTS_MAX,
    Payload, Position, Recorded, Snapshot, StoreError, StreamId, StreamPage, StreamRange, Version,
};
use sqlx::sqlite::SqliteRow;

/// How many positions one filtered read looks at.
const SCAN_WINDOW: i64 = 10_000;

/// Takes events until the page is full.
struct Page {
    events: Vec<Recorded<Payload>>,
    bytes: usize,
    limit: usize,
    /// Whether there was an event that did not fit.
    more: bool,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { events: Vec::new(), bytes: 0, limit: limit.clamp(1, PAGE_EVENTS_MAX), more: false }
    }

    fn has_room_for(&self, event: &Recorded<Payload>) -> bool {
        let bytes = self.bytes + rows::payload_bytes(event);
        self.events.is_empty() || (self.events.len() < self.limit && bytes <= PAGE_BYTES_MAX)
    }

    fn push(&mut self, event: Recorded<Payload>) {
        self.bytes += rows::payload_bytes(&event);
        self.events.push(event);
    }

    /// One more row than the page may hold: whether it exists is what tells `more`.
    fn rows_wanted(&self) -> i64 {
        self.limit as i64 + 1
    }

    /// Takes the event of `row`, or says that nothing more is wanted.
    fn take(
        &mut self,
        row: &SqliteRow,
        event: impl FnOnce(&SqliteRow) -> Result<Recorded<Payload>, StoreError>,
    ) -> Result<Option<()>, StoreError> {
        let event = event(row)?;
        if !self.has_room_for(&event) {
            self.more = true;
            return Ok(None);
        }
        self.push(event);
        Ok(Some(()))
    }

    fn last(&self) -> Option<Cursor> {
        self.events.last().map(|event| Cursor { position: event.position, event_id: event.event_id })
    }
}

pub(crate) async fn read(
    readers: &Readers,
    stream: &StreamId,
    range: StreamRange,
) -> Result<StreamPage, StoreError> {
    let text = match range.direction {
        Direction::Forwards => sql::READ_FORWARDS,
        Direction::Backwards => sql::READ_BACKWARDS,
    };
    let mut page = Page::new(range.limit);
    let query = sqlx::query(text)
        .bind(stream.as_str().to_owned())
        .bind(version(range.after))
        .bind(version(range.up_to))
        .bind(page.rows_wanted());
    readers.collect(query, |_, row| page.take(&row, |row| rows::recorded(row, stream.clone()))).await?;
    Ok(StreamPage { events: page.events, more: page.more })
}

pub(crate) async fn read_all(
    readers: &Readers,
    after: Position,
    filter: &Filter,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let after = rows::sql_number(after.value())?;
    if filter.is_everything() {
        read_everything(readers, after, limit).await
    } else {
        read_filtered(readers, after, filter, limit).await
    }
}

async fn read_everything(readers: &Readers, after: i64, limit: usize) -> Result<LogPage, StoreError> {
    let mut page = Page::new(limit);
    let query = sqlx::query(sql::READ_ALL).bind(after).bind(page.rows_wanted());
    readers.collect(query, |_, row| page.take(&row, rows::recorded_somewhere)).await?;
    Ok(LogPage { cursor: page.last(), events: page.events, more: page.more })
}

/// Looks at one window of the log; the cursor is its last row, or the last event where the page is full before.
async fn read_filtered(
    readers: &Readers,
    after: i64,
    filter: &Filter,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let mut page = Page::new(limit);
    let mut window = None;
    let query = filtered(filter, after, SCAN_WINDOW, page.rows_wanted());
    let take = |statement, row: SqliteRow| {
        if statement == 0 {
            window = Some((rows::cursor(&row)?, rows::value::<bool>(&row, 2)?));
            return Ok(Some(()));
        }
        if !filter.wants(&rows::stream(&row, 10)?, rows::value::<&str>(&row, 3)?) {
            return Ok(Some(()));
        }
        page.take(&row, rows::recorded_somewhere)
    };
    readers.collect(query, take).await?;
    let last = page.last();
    Ok(match window {
        // The page is full, and the window holds more that is wanted.
        _ if page.more => LogPage { cursor: last, events: page.events, more: true },
        // Rows that came after the window's end was looked up may have been given out: then they are the end.
        Some((end, behind)) => {
            let cursor = last.filter(|last| last.position > end.position).unwrap_or(end);
            LogPage { events: page.events, cursor: Some(cursor), more: behind }
        }
        None => LogPage { cursor: last, events: page.events, more: false },
    })
}

pub(crate) async fn head(readers: &Readers) -> Result<Option<Cursor>, StoreError> {
    readers.row(sqlx::query(sql::HEAD)).await?.as_ref().map(rows::cursor).transpose()
}

pub(crate) async fn event_id_at(
    readers: &Readers,
    position: Position,
) -> Result<Option<EventId>, StoreError> {
    let query = sqlx::query(sql::ROW_AT).bind(rows::sql_number(position.value())?);
    let row = readers.row(query).await?.as_ref().map(rows::cursor).transpose()?;
    Ok(row.map(|row| row.event_id))
}

pub(crate) async fn answered(
    readers: &Readers,
    command_id: &CommandId,
) -> Result<Option<(StreamId, Appended)>, StoreError> {
    let query = sqlx::query(sql::ANSWERED).bind(command_id.as_str().to_owned());
    let row = readers.row(query).await?;
    Ok(row.as_ref().map(rows::answer).transpose()?.map(|(_, stream, appended)| (stream, appended)))
}

/// The snapshot and what came after it, in one statement: two would let another snapshot come between them.
pub(crate) async fn load(
    readers: &Readers,
    stream: &StreamId,
    schema_version: u32,
) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
    let mut page = Page::new(PAGE_EVENTS_MAX);
    let mut snapshot = None;
    let query =
        sqlx::query(sql::LOAD).bind(stream.as_str().to_owned()).bind(schema_version).bind(page.rows_wanted());
    let take = |_, row: SqliteRow| {
        if rows::count(&row, 0)? == 0 {
            snapshot = Some(rows::snapshot(&row, stream.clone(), schema_version)?);
            return Ok(Some(()));
        }
        page.take(&row, |row| rows::recorded(row, stream.clone()))
    };
    readers.collect(query, take).await?;
    // SQL promises no order across a UNION; SQLite keeps it, and a wrong one must not pass unseen.
    if !page.events.is_sorted_by_key(|event| event.version) {
        return Err(corrupt(format_args!("the events of stream `{stream}` came out of order")));
    }
    Ok((snapshot, StreamPage { events: page.events, more: page.more }))
}

/// Versions end at 2^63, and so does what can be asked for.
fn version(version: Version) -> i64 {
    i64::try_from(version.value()).unwrap_or(i64::MAX)
}
