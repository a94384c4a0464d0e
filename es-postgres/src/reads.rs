//! Reads the log in pages.

use crate::PostgresStore;
use crate::bulk;
use crate::event_row;
use crate::loads::{Beginning, Wanted};
use crate::packed::Packed;
use crate::rows::{self, sql_limit, sql_number};
use es_core::{
    Appended, CommandId, Cursor, Direction, EventId, Filter, LogPage, PAGE_BYTES_MAX, PAGE_EVENTS_MAX,
    Payload, Position, Recorded, Snapshot, StoreError, StreamId, StreamPage, StreamRange, Version,
};
use sqlx::postgres::PgRow;

/// From how many rows on a page is copied out.
const COPIED_EVENTS_MIN: usize = 256;

/// How many rows one filtered read looks at.
const SCAN_ROWS: i64 = 10_000;

/// The bytes after which a page is full, as SQL wants them.
const BYTES_MAX: i64 = PAGE_BYTES_MAX as i64;

/// Takes events until the page is full.
pub(crate) struct Page {
    events: Vec<Recorded<Payload>>,
    bytes: usize,
    limit: usize,
    /// Whether there was an event that did not fit.
    more: bool,
    pub(crate) packed: Packed,
}

impl Page {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            events: Vec::new(),
            bytes: 0,
            limit: limit.clamp(1, PAGE_EVENTS_MAX),
            more: false,
            packed: Packed::default(),
        }
    }

    /// One more row than the page may hold: whether it exists is what tells `more`.
    pub(crate) fn rows_max(&self) -> usize {
        self.limit + 1
    }

    pub(crate) fn events_max(&self) -> usize {
        self.limit
    }

    fn rows_wanted(&self) -> i64 {
        sql_limit(self.rows_max())
    }

    /// Makes room for as many events as it may hold.
    pub(crate) fn with_room(mut self) -> Self {
        self.events.reserve_exact(self.limit);
        self
    }

    /// Takes the event in the row.
    fn read(&mut self, row: &PgRow, stream: Option<&StreamId>) -> Result<(), StoreError> {
        let event = event_row::of_row(row, stream, &mut self.packed)?;
        self.take(event);
        Ok(())
    }

    /// Takes the event, unless it is more than the page may hold.
    pub(crate) fn take(&mut self, event: Recorded<Payload>) {
        let bytes = self.bytes + event.data.as_bytes().len();
        let fits = self.events.is_empty() || (self.events.len() < self.limit && bytes <= PAGE_BYTES_MAX);
        if self.more || !fits {
            self.more = true;
            return;
        }
        self.bytes = bytes;
        self.events.push(event);
    }

    pub(crate) fn of_the_log(self) -> LogPage {
        LogPage { cursor: self.last(), events: self.events, more: self.more }
    }

    pub(crate) fn of_a_stream(self) -> StreamPage {
        StreamPage { events: self.events, more: self.more }
    }

    /// Whether there was an event that did not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.more
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    fn last(&self) -> Option<Cursor> {
        self.events.last().map(|event| Cursor { position: event.position, event_id: event.event_id })
    }
}

pub(crate) async fn read(
    store: &PostgresStore,
    stream: &StreamId,
    range: StreamRange,
) -> Result<StreamPage, StoreError> {
    // What everybody asks for who folds a stream.
    if range == StreamRange::default() {
        let wanted = Wanted { stream: stream.clone(), snapshot: None };
        if let Some(beginning) = store.loads().small(wanted).await? {
            return Ok(snapshot_and_events(&beginning, stream, 0)?.1);
        }
    }
    // What follows the beginning of a long one.
    if range.direction == Direction::Forwards
        && range.after > Version::ZERO
        && range.limit >= COPIED_EVENTS_MIN
    {
        let (after, up_to) = (version(range.after), version(range.up_to));
        return Ok(bulk::read_stream(store, stream, after, up_to, range.limit).await?.of_a_stream());
    }
    let text = match range.direction {
        Direction::Forwards => &store.sql().read_forwards,
        Direction::Backwards => &store.sql().read_backwards,
    };
    let mut page = Page::new(range.limit);
    let query = sqlx::query(text.clone())
        .bind(stream.as_str().to_owned())
        .bind(version(range.after))
        .bind(version(range.up_to))
        .bind(page.rows_wanted())
        .bind(BYTES_MAX);
    for row in &store.connections().rows(query).await? {
        page.read(row, Some(stream))?;
    }
    Ok(page.of_a_stream())
}

pub(crate) async fn read_all(
    store: &PostgresStore,
    after: Position,
    filter: &Filter,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let after = sql_number(after.value())?;
    if filter.is_everything() {
        let seen = usize::try_from(store.horizon().seen().saturating_sub(after)).unwrap_or_default();
        return match seen.min(limit) >= COPIED_EVENTS_MIN {
            true => bulk::read_far_from_the_end(store, after, limit).await,
            false => read_settled(store, after, limit).await,
        };
    }
    let horizon = store.horizon().now().await?;
    if horizon <= after {
        return Ok(Page::new(limit).of_the_log());
    }
    read_filtered(store, after, horizon, filter, limit).await
}

/// Near the end of the log: the horizon and the rows up to it in one round trip.
async fn read_settled(store: &PostgresStore, after: i64, limit: usize) -> Result<LogPage, StoreError> {
    let mut page = Page::new(limit);
    let far = (limit >= COPIED_EVENTS_MIN).then(|| sql_limit(COPIED_EVENTS_MIN));
    let query = sqlx::query(store.sql().read_settled.clone())
        .bind(after)
        .bind(page.rows_wanted())
        .bind(BYTES_MAX)
        .bind(far);
    let rows = store.connections().rows(query).await?;
    let first = rows.first().ok_or_else(|| StoreError::Corrupt("a page was answered by no row".into()))?;
    let horizon = rows::value(first, 11)?;
    store.horizon().learn(horizon, rows::value(first, 12)?);
    if rows::value::<Option<i64>>(first, 0)?.is_some() {
        for row in &rows {
            page.read(row, None)?;
        }
    } else if far.is_some_and(|far| horizon.saturating_sub(after) >= far) {
        return bulk::read_up_to(store, after, horizon, limit).await;
    }
    Ok(page.of_the_log())
}

pub(crate) async fn predecessors(
    store: &PostgresStore,
    events: &[&Recorded<Payload>],
) -> Result<Vec<Version>, StoreError> {
    let (mut streams, mut befores, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        streams.push(event.stream.as_str().to_owned());
        befores.push(version(event.version));
        positions.push(sql_number(event.position.value())?);
    }
    let query = sqlx::query(store.sql().predecessors.clone()).bind(streams).bind(befores).bind(positions);
    let mut versions = vec![Version::ZERO; events.len()];
    for row in &store.connections().rows(query).await? {
        let place = usize::try_from(rows::count(row, 0)?).ok().and_then(|place| place.checked_sub(1));
        if let Some(version) = place.and_then(|place| versions.get_mut(place)) {
            *version = Version::new(rows::count(row, 1)?);
        }
    }
    Ok(versions)
}

/// Looks at some rows; the cursor is the last of them, or the last event where the page is full before.
async fn read_filtered(
    store: &PostgresStore,
    after: i64,
    horizon: i64,
    filter: &Filter,
    limit: usize,
) -> Result<LogPage, StoreError> {
    let texts = |words: &mut dyn Iterator<Item = &str>| words.map(word).collect::<Vec<_>>();
    let mut page = Page::new(limit);
    let query = sqlx::query(store.sql().scan.clone())
        .bind(after)
        .bind(horizon)
        .bind(SCAN_ROWS)
        .bind(texts(&mut filter.categories()))
        .bind(texts(&mut filter.names()))
        .bind(texts(&mut filter.prefixes()))
        .bind(BYTES_MAX)
        .bind(page.rows_wanted());
    let rows = store.connections().rows(query).await?;
    for row in &rows {
        if rows::value::<bool>(row, 11)? {
            page.read(row, None)?;
        }
    }
    if page.more {
        return Ok(page.of_the_log());
    }
    let end = rows.last().map(|row| Ok::<_, StoreError>((rows::cursor(row, 0)?, rows::value(row, 12)?)));
    let (cursor, more) = end.transpose()?.map_or((None, false), |(cursor, more)| (Some(cursor), more));
    Ok(LogPage { events: page.events, cursor, more })
}

/// A word of a filter. PostgreSQL takes no text with a zero byte; no name has a control character, so another one will
/// find as little.
fn word(word: &str) -> String {
    word.replace('\0', "\u{1}")
}

pub(crate) async fn head(store: &PostgresStore) -> Result<Option<Cursor>, StoreError> {
    let horizon = store.horizon().now().await?;
    let row = store.connections().row(sqlx::query(store.sql().head.clone()).bind(horizon)).await?;
    row.map(|row| rows::cursor(&row, 0)).transpose()
}

/// A row that was given out is settled, so that the horizon is not asked: it may step back, behind a writer that was
/// slow to announce itself, though never behind a row that is yet to come.
pub(crate) async fn event_id_at(
    store: &PostgresStore,
    position: Position,
) -> Result<Option<EventId>, StoreError> {
    let query = sqlx::query(store.sql().row_at.clone()).bind(sql_number(position.value())?);
    let row = store.connections().row(query).await?;
    Ok(row.map(|row| rows::cursor(&row, 0)).transpose()?.map(|row| row.event_id))
}

pub(crate) async fn answered(
    store: &PostgresStore,
    command_id: &CommandId,
) -> Result<Option<(StreamId, Appended)>, StoreError> {
    let query = sqlx::query(store.sql().commands_by_id.clone()).bind(vec![command_id.as_str().to_owned()]);
    let row = store.connections().row(query).await?;
    Ok(row.map(|row| answer(&row)).transpose()?.map(|(_, stream, appended)| (stream, appended)))
}

/// What a command was answered: command id, stream, version, position, recorded at, positions of its events.
pub(crate) fn answer(row: &PgRow) -> Result<(CommandId, StreamId, Appended), StoreError> {
    let positions = rows::value::<Vec<i64>>(row, 5)?
        .into_iter()
        .map(|position| Ok(Position::new(rows::unsigned(position)?)));
    let positions = positions.collect::<Result<Vec<_>, StoreError>>()?;
    let of_the_log: Option<i64> = rows::value(row, 3)?;
    let position = match positions.last() {
        Some(last) => *last,
        None => Position::new(rows::unsigned(of_the_log.unwrap_or_default())?),
    };
    let version = Version::new(rows::count(row, 2)?);
    let recorded_at = rows::value(row, 4)?;
    let appended = Appended { version, positions, position, recorded_at, repeated: true };
    Ok((rows::command_id(row, 0)?, rows::stream(row, 1)?, appended))
}

/// The snapshot and what came after it.
pub(crate) async fn load(
    store: &PostgresStore,
    stream: &StreamId,
    schema_version: u32,
) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
    let wanted = Wanted { stream: stream.clone(), snapshot: Some(schema_version) };
    if let Some(beginning) = store.loads().small(wanted).await? {
        return snapshot_and_events(&beginning, stream, schema_version);
    }
    let query = sqlx::query(store.sql().load.clone())
        .bind(stream.as_str().to_owned())
        .bind(i64::from(schema_version))
        .bind(sql_limit(PAGE_EVENTS_MAX + 1))
        .bind(BYTES_MAX);
    let rows = store.connections().rows(query).await?;
    snapshot_and_events(&Beginning { rows, more: false }, stream, schema_version)
}

/// A page, and before it the snapshot, which has 0 in the place of a position.
fn snapshot_and_events(
    Beginning { rows, more }: &Beginning,
    stream: &StreamId,
    schema_version: u32,
) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
    let mut page = Page::new(PAGE_EVENTS_MAX);
    page.events.reserve_exact(rows.len().min(PAGE_EVENTS_MAX));
    let mut snapshot = None;
    for row in rows {
        if rows::count(row, 0)? == 0 {
            snapshot = Some(rows::snapshot(row, stream.clone(), schema_version)?);
        } else {
            page.read(row, Some(stream))?;
        }
    }
    // SQL promises no order across a UNION; PostgreSQL keeps it, and a wrong one must not pass unseen.
    if !page.events.is_sorted_by_key(|event| event.version) {
        let wrong = format!("the events of stream `{stream}` came out of order");
        return Err(StoreError::Corrupt(wrong));
    }
    Ok((snapshot, StreamPage { events: page.events, more: page.more || *more }))
}

/// Versions end at 2^63, and so does what can be asked for.
fn version(version: Version) -> i64 {
    i64::try_from(version.value()).unwrap_or(i64::MAX)
}
