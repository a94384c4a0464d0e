//! `dead-letters show`.

use super::pages::{Letter, Letters, micros};
use super::{ShownLetter, no_letter, place_text};
use crate::output::{Align, Console, Table};
use crate::shown_event::ShownEvent;
use crate::text::{escaped, json_line};
use crate::{Failure, LetterArgs, events, pause};
use es_core::{
    App, DeadLetter, EventStore, Generation, LetterPlace, Payload, Position, Recorded, StreamRange,
};
use serde::Serialize;

pub(super) async fn show(app: &App, args: &LetterArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let generation = pause::find(&**app.store(), &args.projection).await?;
    let position = Position::new(args.position.unwrap_or_default());
    let place = LetterPlace { queue: args.queue.clone(), position };
    let letter = find(app, &generation, &place, args.position.is_some()).await?;
    let letter =
        letter.ok_or_else(|| no_letter(&generation.projection, &place_text(&place, args.position)))?;
    let event = event_of(app, &letter.letter).await?;
    if args.json {
        let document =
            Document { letter: ShownLetter::of(&letter), event: event.as_ref().map(ShownEvent::in_log) };
        return console.line(json_line(&serde_json::to_string(&document)?));
    }
    write(&letter, event.as_ref(), console)
}

/// The letter at a place; or the first of the queue, where the position is only where to begin.
pub(super) async fn find(
    app: &App,
    generation: &Generation,
    place: &LetterPlace,
    is_exact: bool,
) -> Result<Option<Letter>, Failure> {
    let before = Position::new(place.position.value().saturating_sub(1));
    let before = LetterPlace { queue: place.queue.clone(), position: before };
    let found = Letters::behind(app.store(), generation, Some(before)).next().await?;
    Ok(found.filter(|found| {
        let found = &found.letter.place;
        found.queue == place.queue && (!is_exact || found.position == place.position)
    }))
}

/// The event, which a restore may have taken away.
async fn event_of(app: &App, letter: &DeadLetter) -> Result<Option<Recorded<Payload>>, Failure> {
    let page = app.store().read(&letter.stream, StreamRange::at(letter.version)).await?;
    Ok(page.events.into_iter().next())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    letter: ShownLetter<'a>,
    event: Option<ShownEvent<'a>>,
}

fn write(
    letter: &Letter,
    event: Option<&Recorded<Payload>>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let Letter { projection, letter, waiting } = letter;
    let cause = letter.cause.as_deref().unwrap_or("none: it waits behind one that could not be taken");
    let rows = [
        ("projection", projection.to_string()),
        ("queue", letter.place.queue.to_string()),
        ("position", letter.place.position.to_string()),
        ("stream", letter.stream.to_string()),
        ("version", letter.version.to_string()),
        ("name", letter.name.clone()),
        ("attempts", letter.attempts.to_string()),
        ("first_at", micros(letter.first_at)),
        ("last_at", micros(letter.last_at)),
        ("cause", cause.to_owned()),
        ("waiting", waiting.to_string()),
    ];
    let rows = rows.map(|(name, value)| vec![name.to_owned(), escaped(&value).into_owned()]);
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    table.fit(&rows);
    rows.iter().try_for_each(|row| console.line(table.row(row.iter().map(String::as_str))))?;
    console.line("")?;
    match event {
        Some(event) => events::write(event, console),
        None => console.line("the log does not have its event any more"),
    }
}
