//! `state`: an aggregate as it is, or as it was.

use crate::output::Console;
use crate::streams::{empty, newest, parse, time};
use crate::suggestion::suggestion;
use crate::text::{escaped, json_indented, json_line};
use crate::{Failure, FailureKind, StateArgs};
use chrono::SecondsFormat;
use es_core::{AnyAggregate, App, Moment, Payload, Recorded, Shown, StreamId, Version};
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) async fn run(app: &App, args: &StateArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let stream = parse(&args.stream)?;
    let aggregate = named(app, stream.category())?;
    let newest = newest(app, &stream).await?.ok_or_else(|| empty(&stream))?;
    let moment = moment(args, &newest)?;
    let shown = aggregate.show(app.store().clone(), stream.key(), moment).await?;
    if let Moment::Time(at) = moment
        && shown.version == Version::ZERO
    {
        let at = time(at, SecondsFormat::AutoSi);
        let message = format!("stream `{stream}` had no events at {at}");
        return Err(Failure::new(FailureKind::NotFound, message)
            .with_hint(format!("see with `streams show {stream}` when they were recorded")));
    }
    write(&stream, &shown, args, console)
}

fn named<'a>(app: &'a App, category: &str) -> Result<&'a AnyAggregate, Failure> {
    app.aggregates().iter().find(|aggregate| aggregate.name() == category).ok_or_else(|| {
        let known: Vec<_> = app.aggregates().iter().map(AnyAggregate::name).collect();
        Failure::new(FailureKind::NotFound, format!("no aggregate is named `{category}`"))
            .with_hint(suggestion(category, "application", &known))
    })
}

fn moment(args: &StateArgs, newest: &Recorded<Payload>) -> Result<Moment, Failure> {
    match (args.at.map(Version::new), args.as_of) {
        (Some(version), _) if version > newest.version => {
            let message = format!("stream `{}` has no version {version}", newest.stream);
            let hint = format!("its newest version is {}", newest.version);
            Err(Failure::new(FailureKind::NotFound, message).with_hint(hint))
        }
        (Some(version), _) => Ok(Moment::Version(version)),
        (None, Some(time)) => Ok(Moment::Time(time)),
        (None, None) => Ok(Moment::Now),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    stream: &'a StreamId,
    version: Version,
    state: &'a RawValue,
}

fn write(
    stream: &StreamId,
    shown: &Shown,
    args: &StateArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if args.json {
        let state = serde_json::from_str(&shown.state)?;
        let document = Document { stream, version: shown.version, state };
        return console.line(json_line(&serde_json::to_string(&document)?));
    }
    console.note(format_args!("{} at version {}", escaped(stream.as_str()), shown.version));
    console.line(json_indented(&shown.state))
}
