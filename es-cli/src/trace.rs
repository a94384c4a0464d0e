//! `trace`: what belongs together, as a tree of causes.

mod tree;

use crate::output::Console;
use crate::scan::Scan;
use crate::streams::time;
use crate::text::{escaped, json_line};
use crate::{Failure, FailureKind, TraceArgs};
use chrono::{DateTime, SecondsFormat, Utc};
use es_core::{App, CommandId, EventId, Filter, Payload, Recorded, StreamId};
use serde::Serialize;
use std::borrow::Cow;
use tree::{Branch, Link, branches};
use uuid::Uuid;

/// How many events of a trace are in memory, without their payloads.
const EVENTS_MAX: usize = 100_000;

pub(crate) async fn run(app: &App, args: &TraceArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let correlation_id = args.correlation_id;
    let mut scan = Scan::begin(app, "trace", Filter::default(), console).await?;
    let mut events = Vec::new();
    while events.len() <= EVENTS_MAX
        && let Some(page) = scan.next_page(console).await?
    {
        let own = page.into_iter().filter(|event| event.metadata.correlation_id == Some(correlation_id));
        events.extend(own.map(Traced::from));
    }
    if events.is_empty() {
        let head = scan.head();
        let message = format!("no event up to position {head} has the correlation id {correlation_id}");
        return Err(Failure::new(FailureKind::NotFound, message)
            .with_hint("see with `events show` which correlation id an event has"));
    }
    drop(scan);
    let has_more = events.len() > EVENTS_MAX;
    events.truncate(EVENTS_MAX);
    write(&events, args, console)?;
    if has_more {
        console.flush()?;
        console.note(format_args!("there is more: these are the first {EVENTS_MAX} events of it"));
    }
    Ok(())
}

/// An event without its payload.
struct Traced {
    event_id: EventId,
    causation_id: Option<Uuid>,
    command_id: Option<CommandId>,
    stream: StreamId,
    version: u64,
    position: u64,
    name: Cow<'static, str>,
    recorded_at: DateTime<Utc>,
}

impl From<Recorded<Payload>> for Traced {
    fn from(event: Recorded<Payload>) -> Self {
        Self {
            event_id: event.event_id,
            causation_id: event.metadata.causation_id,
            command_id: event.metadata.command_id,
            stream: event.stream,
            version: event.version.value(),
            position: event.position.value(),
            name: event.name,
            recorded_at: event.recorded_at,
        }
    }
}

fn write(events: &[Traced], args: &TraceArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let causes: Vec<_> = events.iter().map(|event| (event.event_id.uuid(), event.causation_id)).collect();
    for branch in branches(&causes) {
        let event = &events[branch.index];
        if args.json {
            console.line(json_line(&serde_json::to_string(&Shown::of(event, &branch))?))?;
        } else {
            console.line(text(event, &branch))?;
        }
    }
    Ok(())
}

fn text(event: &Traced, branch: &Branch) -> String {
    let Traced { version, position, .. } = event;
    let (name, stream) = (escaped(&event.name), escaped(event.stream.as_str()));
    let at = time(event.recorded_at, SecondsFormat::Millis);
    let lines = &branch.lines;
    let mut text = format!("{lines}{name}  {stream} version {version}, position {position}, {at}");
    match (branch.link, event.causation_id) {
        (Link::Outside, Some(cause)) => {
            text.push_str(&format!(" (caused by {cause}, no event of this trace)"))
        }
        (Link::Cycle, Some(cause)) => {
            text.push_str(&format!(" (caused by {cause}, which is below: a cycle, cut here)"))
        }
        _ => (),
    }
    text
}

/// A line of `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    depth: usize,
    link: Link,
    stream: &'a StreamId,
    version: u64,
    position: u64,
    event_id: EventId,
    name: &'a str,
    recorded_at: String,
    causation_id: Option<Uuid>,
    command_id: Option<&'a CommandId>,
}

impl<'a> Shown<'a> {
    fn of(event: &'a Traced, branch: &Branch) -> Self {
        Self {
            depth: branch.depth,
            link: branch.link,
            stream: &event.stream,
            version: event.version,
            position: event.position,
            event_id: event.event_id,
            name: &event.name,
            recorded_at: time(event.recorded_at, SecondsFormat::Micros),
            causation_id: event.causation_id,
            command_id: event.command_id.as_ref(),
        }
    }
}
