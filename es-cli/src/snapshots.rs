//! `snapshots`: the saved states, which are only a shortcut.

use crate::output::{Align, Console, Table};
use crate::text::{escaped, grouped, json_line};
use crate::yes::confirm;
use crate::{DropSnapshotsArgs, Failure, FailureKind, SnapshotsArgs};
use es_core::{App, KeptSnapshot, SnapshotPlace, SnapshotStore, SnapshotsOf, Store, StreamId};
use serde::Serialize;
use std::sync::Arc;

/// How many are read, or dropped, at a time.
const PAGE_SNAPSHOTS: usize = 500;

pub(crate) async fn list(app: &App, args: &SnapshotsArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let of = args.stream.clone().unwrap_or(SnapshotsOf::All);
    let mut pages = Pages::new(app.store(), &of);
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut table = Table::new(&[
        ("stream", Align::Left),
        ("schema version", Align::Right),
        ("version", Align::Right),
        ("bytes", Align::Right),
    ]);
    let mut is_first = true;
    while left > 0 {
        let mut page = pages.next().await?;
        page.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if page.is_empty() {
            break;
        }
        left -= page.len() as u64;
        if args.json {
            page.iter().try_for_each(|kept| console.line(json(kept)?))?;
            continue;
        }
        let rows: Vec<_> = page.iter().map(row).collect();
        table.fit(&rows);
        if std::mem::take(&mut is_first) {
            console.line(table.header())?;
        }
        rows.iter().try_for_each(|row| console.line(table.row(row.iter().map(String::as_str))))?;
    }
    if is_first && !args.json {
        console.note("there are no snapshots");
    }
    Ok(())
}

pub(crate) async fn drop(
    app: &App,
    args: &DropSnapshotsArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (of, whose, name) = match (&args.stream, &args.category) {
        (Some(stream), _) => {
            (SnapshotsOf::Stream(stream.clone()), format!("stream `{stream}`"), stream.as_str())
        }
        (None, Some(category)) => {
            (SnapshotsOf::Category(category.clone()), format!("category `{category}`"), category.as_str())
        }
        (None, None) => (SnapshotsOf::All, "every stream".to_owned(), "all"),
    };
    let (mut count, mut bytes) = (0, 0);
    let mut pages = Pages::new(app.store(), &of);
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        count += page.len() as u64;
        bytes += page.iter().map(|kept| kept.bytes).sum::<u64>();
    }
    if count == 0 {
        return Err(Failure::new(FailureKind::NotFound, format!("there is no snapshot of {whose}"))
            .with_hint("see with `snapshots list` which there are"));
    }
    let what = format!("drop {} of {whose}, {} bytes", snapshots(count), grouped(bytes));
    confirm(args.yes, &escaped(&what), name, console).await?;
    let (mut pages, mut dropped) = (Pages::new(app.store(), &of), 0);
    loop {
        let places: Vec<_> = pages.next().await?.into_iter().map(|kept| kept.place).collect();
        if places.is_empty() {
            return console.line(format_args!("dropped {} of {}", snapshots(dropped), escaped(&whose)));
        }
        dropped += app.store().drop_snapshots(&places).await?;
    }
}

/// What is kept, a page at a time.
struct Pages<'a> {
    store: &'a Arc<dyn Store>,
    of: &'a SnapshotsOf,
    after: Option<SnapshotPlace>,
}

impl<'a> Pages<'a> {
    fn new(store: &'a Arc<dyn Store>, of: &'a SnapshotsOf) -> Self {
        Self { store, of, after: None }
    }

    /// The next ones; none at the end.
    async fn next(&mut self) -> Result<Vec<KeptSnapshot>, Failure> {
        let page = self.store.snapshots(self.of, self.after.as_ref(), PAGE_SNAPSHOTS).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.place.clone());
        }
        Ok(page)
    }
}

fn row(kept: &KeptSnapshot) -> Vec<String> {
    let KeptSnapshot { place: SnapshotPlace { stream, schema_version }, version, bytes } = kept;
    vec![
        escaped(stream.as_str()).into_owned(),
        schema_version.to_string(),
        version.to_string(),
        bytes.to_string(),
    ]
}

/// A line of `--json`; the fields and their order are stable.
#[derive(Serialize)]
struct Shown<'a> {
    stream: &'a StreamId,
    schema_version: u32,
    version: u64,
    bytes: u64,
}

fn json(kept: &KeptSnapshot) -> Result<String, Failure> {
    let KeptSnapshot { place, version, bytes } = kept;
    let shown = Shown {
        stream: &place.stream,
        schema_version: place.schema_version,
        version: version.value(),
        bytes: *bytes,
    };
    Ok(json_line(&serde_json::to_string(&shown)?))
}

fn snapshots(count: u64) -> String {
    format!("{} {}", grouped(count), if count == 1 { "snapshot" } else { "snapshots" })
}
