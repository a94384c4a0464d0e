//! `events show`: one event with all that is known of it.

use crate::command::EventKey;
use crate::output::{Align, Console, Table};
use crate::scan::Scan;
use crate::shown_event::ShownEvent;
use crate::streams::time;
use crate::text::{escaped, json_indented};
use crate::{EventArgs, Failure, FailureKind};
use chrono::SecondsFormat;
use es_core::{App, EventId, EventStore, Filter, Payload, Position, Recorded};
use serde::de::IgnoredAny;
use std::fmt::Display;

pub(crate) async fn show(app: &App, args: &EventArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let event = match args.event {
        EventKey::Position(position) => at(app, position).await?,
        EventKey::Id(event_id) => with_id(app, event_id, console).await?,
    };
    if args.json {
        return console.line(ShownEvent::in_log(&event).line()?);
    }
    write(&event, console)
}

async fn at(app: &App, position: Position) -> Result<Recorded<Payload>, Failure> {
    let before = Position::new(position.value() - 1);
    let page = app.store().read_all(before, &Filter::default(), 1).await?;
    let found = page.events.into_iter().next().filter(|event| event.position == position);
    found.ok_or_else(|| {
        let message = format!("the log has no event at position {position}");
        Failure::new(FailureKind::NotFound, message)
            .with_hint("see with `events tail --from begin` what it has")
    })
}

async fn with_id(
    app: &App,
    event_id: EventId,
    console: &mut Console<'_>,
) -> Result<Recorded<Payload>, Failure> {
    let mut scan = Scan::begin(app, "show", Filter::default(), console).await?;
    console.note(format_args!(
        "reading the log up to position {}: stores have no look-up by event id",
        scan.head()
    ));
    while let Some(page) = scan.next_page(console).await? {
        if let Some(event) = page.into_iter().find(|event| event.event_id == event_id) {
            return Ok(event);
        }
    }
    let message = format!("no event up to position {} has the id {event_id}", scan.head());
    Err(Failure::new(FailureKind::NotFound, message)
        .with_hint("check the id, and which store is meant (--store)"))
}

pub(crate) fn write(event: &Recorded<Payload>, console: &mut Console<'_>) -> Result<(), Failure> {
    let rows = rows(event);
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    table.fit(&rows);
    for row in &rows {
        console.line(table.row(row.iter().map(String::as_str)))?;
    }
    let payload = event.data.as_bytes();
    let text = String::from_utf8_lossy(payload);
    match serde_json::from_slice::<IgnoredAny>(payload) {
        Ok(_) => console.line(json_indented(&text)),
        Err(_) => console.line(escaped(&text)),
    }
}

fn rows(event: &Recorded<Payload>) -> Vec<Vec<String>> {
    let metadata = &event.metadata;
    let occurred = metadata.occurred_at.map(|at| time(at, SecondsFormat::Micros));
    let fields = [
        ("event_id", cell(Some(event.event_id))),
        ("stream", cell(Some(&event.stream))),
        ("version", cell(Some(event.version))),
        ("position", cell(Some(event.position))),
        ("name", cell(Some(&event.name))),
        ("schema_version", cell(Some(event.schema_version))),
        ("recorded_at", cell(Some(time(event.recorded_at, SecondsFormat::Micros)))),
        ("occurred_at", cell(occurred)),
        ("correlation_id", cell(metadata.correlation_id)),
        ("causation_id", cell(metadata.causation_id)),
        ("command_id", cell(metadata.command_id.as_ref())),
        ("traceparent", cell(metadata.traceparent)),
        ("actor", cell(metadata.actor())),
    ];
    let fields = fields.map(|(name, value)| vec![name.to_owned(), value]);
    let extra =
        metadata.extras().map(|(name, value)| vec![cell(Some(format!("extra.{name}"))), cell(Some(value))]);
    fields.into_iter().chain(extra).collect()
}

fn cell(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".into(), |value| escaped(&value.to_string()).into_owned())
}
