//! `streams show`: one history, page by page.

use crate::output::{Align, Console, Table};
use crate::shown_event::ShownEvent;
use crate::text::{json_line, json_or_text};
use crate::{Failure, FailureKind, ShowArgs};
use chrono::{DateTime, SecondsFormat, Utc};
use es_core::{App, EventStore, Payload, Recorded, StreamId, StreamRange, Version};

/// How many events are in memory at a time.
const PAGE_EVENTS: u64 = 500;

pub(crate) async fn run(app: &App, args: &ShowArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let stream = parse(&args.stream)?;
    let mut history = History::of(&stream, args, app);
    let first = history.next_page().await?;
    if first.is_empty() && newest(app, &stream).await?.is_none() {
        return Err(empty(&stream));
    }
    if args.json {
        write_json(history, first, console).await
    } else {
        write_table(history, first, console).await
    }
}

/// The stream that a person named.
pub(crate) fn parse(text: &str) -> Result<StreamId, Failure> {
    let hint = "write a category, `-` and a key, as in account-DE02";
    text.parse::<StreamId>().map_err(|error| Failure::from(error).with_hint(hint))
}

/// The newest event of a stream; none of an empty one.
pub(crate) async fn newest(app: &App, stream: &StreamId) -> Result<Option<Recorded<Payload>>, Failure> {
    let page = app.store().read(stream, StreamRange::default().backwards().limit(1)).await?;
    Ok(page.events.into_iter().next())
}

/// What is said of a stream that nobody has written to.
pub(crate) fn empty(stream: &StreamId) -> Failure {
    let message = format!("stream `{stream}` has no events");
    Failure::new(FailureKind::NotFound, message)
        .with_hint("check the key, and which store is meant (--store)")
}

/// A time as people and programs read it.
pub(crate) fn time(at: DateTime<Utc>, precision: SecondsFormat) -> String {
    at.to_rfc3339_opts(precision, true)
}

/// The part of a stream that is still to be shown.
struct History<'a> {
    app: &'a App,
    stream: &'a StreamId,
    after: Version,
    left: u64,
    more: bool,
}

impl<'a> History<'a> {
    fn of(stream: &'a StreamId, args: &ShowArgs, app: &'a App) -> Self {
        let left = args.limit.unwrap_or(u64::MAX);
        Self { app, stream, after: Version::new(args.after.min(i64::MAX as u64)), left, more: true }
    }

    /// The next events; none at the end.
    async fn next_page(&mut self) -> Result<Vec<Recorded<Payload>>, Failure> {
        if self.left == 0 || !self.more {
            return Ok(Vec::new());
        }
        let limit = self.left.min(PAGE_EVENTS);
        let range = StreamRange::after(self.after).limit(limit as usize);
        let page = self.app.store().read(self.stream, range).await?;
        self.left -= page.events.len() as u64;
        self.more = page.more;
        if let Some(last) = page.events.last() {
            self.after = last.version;
        }
        Ok(page.events)
    }
}

async fn write_table(
    mut history: History<'_>,
    first: Vec<Recorded<Payload>>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut table = Table::new(&[
        ("version", Align::Right),
        ("position", Align::Right),
        ("recorded", Align::Left),
        ("occurred", Align::Left),
        ("name", Align::Left),
        ("payload", Align::Left),
    ]);
    let (mut page, mut is_first) = (first, true);
    while !page.is_empty() {
        let rows: Vec<_> = page.iter().map(row).collect();
        table.fit(&rows);
        if std::mem::take(&mut is_first) {
            console.line(table.header())?;
        }
        for row in &rows {
            console.line(table.row(row.iter().map(String::as_str)))?;
        }
        page = history.next_page().await?;
    }
    if history.more {
        console.flush()?;
        console.note(format_args!("there is more: go on with --after {}", history.after));
    }
    Ok(())
}

fn row(event: &Recorded<Payload>) -> Vec<String> {
    let occurred = event.metadata.occurred_at.map(|at| time(at, SecondsFormat::Millis));
    vec![
        event.version.to_string(),
        event.position.to_string(),
        time(event.recorded_at, SecondsFormat::Millis),
        occurred.unwrap_or_else(|| "-".into()),
        event.name.to_string(),
        json_or_text(&String::from_utf8_lossy(event.data.as_bytes())),
    ]
}

/// Writes one document, an event a line, without ever having more than a page of it.
async fn write_json(
    mut history: History<'_>,
    first: Vec<Recorded<Payload>>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let stream = serde_json::to_string(history.stream)?;
    console.line(format_args!("{{\"stream\":{},\"events\":[", json_line(&stream)))?;
    let (mut page, mut held) = (first, None::<String>);
    while !page.is_empty() {
        for event in &page {
            let line = ShownEvent::in_stream(event).line()?;
            if let Some(before) = held.replace(line) {
                console.line(format_args!("{before},"))?;
            }
        }
        page = history.next_page().await?;
    }
    held.iter().try_for_each(|last| console.line(last))?;
    console.line("]}")
}
