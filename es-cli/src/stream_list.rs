//! `streams list`: which streams there are, told from their first events.

use crate::output::{Align, Console, Table};
use crate::scan::Scan;
use crate::streams::time;
use crate::text::{escaped, json_line};
use crate::{Failure, ListArgs};
use chrono::SecondsFormat;
use es_core::{App, Filter, Payload, Recorded, StreamId, Version};
use serde::Serialize;

pub(crate) async fn run(app: &App, args: &ListArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let mut scan = Scan::begin(app, "list", filter(args), console).await?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut table = Table::new(&[
        ("stream", Align::Left),
        ("position", Align::Right),
        ("recorded", Align::Left),
        ("name", Align::Left),
    ]);
    let mut is_first = true;
    while left > 0
        && let Some(page) = scan.next_page(console).await?
    {
        let firsts = page.iter().filter(|event| event.version == Version::new(1) && is_wanted(event, args));
        let firsts: Vec<_> = firsts.take(usize::try_from(left).unwrap_or(usize::MAX)).collect();
        left -= firsts.len() as u64;
        let lines = if args.json {
            firsts.into_iter().map(json).collect::<Result<Vec<_>, _>>()?
        } else {
            let rows: Vec<_> = firsts.into_iter().map(row).collect();
            table.fit(&rows);
            let header = (!rows.is_empty() && std::mem::take(&mut is_first)).then(|| table.header());
            let rows = rows.iter().map(|row| table.row(row.iter().map(String::as_str)));
            header.into_iter().chain(rows).collect()
        };
        scan.lines(&lines, console)?;
    }
    Ok(())
}

/// What the store may leave out by itself.
fn filter(args: &ListArgs) -> Filter {
    let prefix = args.prefix.as_deref().and_then(|prefix| prefix.split_once('-'));
    match (&args.category, prefix) {
        (Some(category), _) => Filter::default().category(category),
        (None, Some((category, _))) => Filter::default().category(category),
        (None, None) => Filter::default(),
    }
}

fn is_wanted(event: &Recorded<Payload>, args: &ListArgs) -> bool {
    args.prefix.as_deref().is_none_or(|prefix| event.stream.as_str().starts_with(prefix))
}

fn row(event: &Recorded<Payload>) -> Vec<String> {
    vec![
        escaped(event.stream.as_str()).into_owned(),
        event.position.to_string(),
        time(event.recorded_at, SecondsFormat::Millis),
        escaped(&event.name).into_owned(),
    ]
}

/// A line of `--json`.
#[derive(Serialize)]
struct Shown<'a> {
    stream: &'a StreamId,
    position: u64,
    recorded_at: String,
    name: &'a str,
}

fn json(event: &Recorded<Payload>) -> Result<String, serde_json::Error> {
    let shown = Shown {
        stream: &event.stream,
        position: event.position.value(),
        recorded_at: time(event.recorded_at, SecondsFormat::Micros),
        name: &event.name,
    };
    Ok(json_line(&serde_json::to_string(&shown)?))
}
