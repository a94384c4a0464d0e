//! `projections status`: all that is known of one.

use super::Overview;
use super::model::{Build, Place, ReadModel};
use crate::output::{Align, Console, Table};
use crate::text::{escaped, json_line};
use crate::{Failure, StatusOfArgs, which};
use es_core::{App, GenerationState};
use serde::Serialize;

/// What `--json` prints.
#[derive(Serialize)]
struct Document {
    head: u64,
    projection: ReadModel,
    /// Where the one is that a roll back would put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_position: Option<u64>,
}

pub(super) async fn status(app: &App, args: &StatusOfArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let Overview { head, projections } = Overview::read(app).await?;
    let owner = if app.followers().next().is_some() { "application" } else { "store" };
    let projection =
        which::one_of(&args.projection, owner, projections, |model| (&model.name, model.version))?;
    let generations = app.store().generations().await?;
    let kept = generations.iter().find(|found| {
        let id = &found.projection;
        found.state == GenerationState::Kept
            && (id.name(), id.version()) == (&projection.name, projection.version)
    });
    let kept_position = kept.map(|kept| kept.position().value());
    let document = Document { head, projection, kept_position };
    if args.json {
        return console.line(json_line(&serde_json::to_string(&document)?));
    }
    let rows = rows(&document);
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    table.fit(&rows);
    rows.iter().try_for_each(|row| console.line(table.row(row.iter().map(String::as_str))))
}

fn rows(document: &Document) -> Vec<Vec<String>> {
    let Document { head, projection: model, kept_position } = document;
    let ReadModel { name, version, declared, live, building } = model;
    let mut rows = vec![
        ("projection", format!("{name} v{version}")),
        ("declared", yes_or_no(*declared)),
        ("state", live.state.live().to_owned()),
        ("head", head.to_string()),
    ];
    rows.extend(rows_of(live));
    rows.extend(kept_position.map(|position| ("kept", format!("at position {position}, for a rollback"))));
    if let Some(building) = building {
        rows.push(("", String::new()));
        rows.push(("building", building.state.building().to_owned()));
        rows.push(("progress", progress(building.position, *head)));
        rows.extend(rows_of(building));
    }
    rows.into_iter().map(|(name, value)| vec![name.to_owned(), escaped(&value).into_owned()]).collect()
}

fn rows_of(build: &Build) -> Vec<(&'static str, String)> {
    let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let halt = build.halt.as_ref().map(|halt| format!("at position {}: {}", halt.position, halt.cause));
    let failure = build.last_failure.as_ref().map(|failure| format!("{}: {}", failure.at, failure.cause));
    let mut rows = vec![
        ("position", build.position.to_string()),
        ("lag", format!("{} in positions", build.lag)),
        ("lag_seconds", or_nothing(build.lag_seconds.map(|seconds| seconds.to_string()))),
        ("owner", or_nothing(build.owner.clone())),
        ("epoch", or_nothing(build.epoch.map(|epoch| epoch.to_string()))),
        ("halt", or_nothing(halt)),
        ("last_failure", or_nothing(failure)),
        ("paused", yes_or_no(build.paused)),
        ("dead_letters", build.dead_letters.to_string()),
        ("shards", build.shards.to_string()),
    ];
    rows.extend(build.checkpoints.iter().map(|one| ("", place(one))));
    rows
}

fn place(one: &Place) -> String {
    let [first, end] = one.slices;
    let owner = one.owner.as_deref().map_or_else(String::new, |owner| format!(", owner {owner}"));
    let halt =
        one.halt.as_ref().map_or_else(String::new, |halt| format!(", halted at position {}", halt.position));
    format!("slices {first} to {}: position {}{owner}{halt}", end - 1, one.position)
}

fn yes_or_no(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

fn progress(position: u64, head: u64) -> String {
    let percent = (u128::from(position) * 100).checked_div(u128::from(head)).unwrap_or(100).min(100);
    format!("{position} of {head}, {percent} %")
}
