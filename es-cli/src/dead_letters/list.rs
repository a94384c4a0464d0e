//! `dead-letters list`.

use super::ShownLetter;
use super::pages::{Letter, Letters, micros, millis};
use crate::command::OneProjection;
use crate::output::{Align, Console, Table};
use crate::text::{escaped, json_line};
use crate::{Failure, LettersArgs, which};
use es_core::{
    App, CheckpointStore, DeadLetterStore, Discarded, Generation, GenerationState, LetterPlace, ProjectionId,
};
use serde::Serialize;

/// How much of a cause is in the table.
const CAUSE_CHARS_MAX: usize = 160;

/// Lists what has failed, each with how many wait behind it.
pub(super) async fn letters(app: &App, args: &LettersArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let generations = app.store().generations().await?;
    let chosen = chosen(app, args, &generations)?;
    let is_meant = |generation: &&Generation| {
        generation.state == GenerationState::Live && chosen.contains(&generation.projection)
    };
    let max = args.limit.unwrap_or(u64::MAX);
    let (mut found, mut more) = (Vec::new(), false);
    for generation in generations.iter().filter(is_meant) {
        let mut letters = Letters::behind(app.store(), generation, None);
        while !more && let Some(letter) = letters.next().await? {
            more = found.len() as u64 >= max;
            if !more {
                found.push(letter);
            }
        }
    }
    if args.json {
        for letter in &found {
            console.line(json_line(&serde_json::to_string(&ShownLetter::of(letter))?))?;
        }
    } else if found.is_empty() {
        console.note("there are no dead letters");
    } else {
        table(&COLUMNS, &found.iter().map(row).collect::<Vec<_>>(), console)?;
    }
    say_more(more, console)
}

/// Lists what was discarded, also in generations that are gone.
pub(super) async fn discarded(
    app: &App,
    args: &LettersArgs,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let generations = app.store().generations().await?;
    let mut found = Vec::new();
    for projection in chosen(app, args, &generations)? {
        let own = app.store().discarded(&projection).await?;
        found.extend(own.into_iter().map(|discarded| (projection.clone(), discarded)));
    }
    let max = usize::try_from(args.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let more = found.len() > max;
    found.truncate(max);
    if args.json {
        for (projection, discarded) in &found {
            let shown = ShownDiscarded::of(projection, discarded);
            console.line(json_line(&serde_json::to_string(&shown)?))?;
        }
    } else if found.is_empty() {
        console.note("nothing was discarded");
    } else {
        let rows: Vec<_> = found.iter().map(|(projection, one)| discarded_row(projection, one)).collect();
        table(&DISCARDED_COLUMNS, &rows, console)?;
    }
    say_more(more, console)
}

/// What the application declares and the store has, as far as it is meant.
fn chosen(app: &App, args: &LettersArgs, generations: &[Generation]) -> Result<Vec<ProjectionId>, Failure> {
    let declared = app.followers().map(|follower| follower.projection());
    let stored = generations.iter().map(|generation| &generation.projection);
    let mut known: Vec<_> = declared.chain(stored).cloned().collect();
    known.sort();
    known.dedup();
    let Some(name) = &args.name else { return Ok(known) };
    let is_meant = |one: &&ProjectionId| {
        one.name() == name && args.version.is_none_or(|version| version == one.version())
    };
    let meant: Vec<_> = known.iter().filter(is_meant).cloned().collect();
    if meant.is_empty() {
        let which = OneProjection { name: name.clone(), version: args.version };
        which::one_of(&which, "store", known, |one| (one.name(), one.version()))?;
    }
    Ok(meant)
}

const COLUMNS: [(&str, Align); 9] = [
    ("projection", Align::Left),
    ("queue", Align::Left),
    ("position", Align::Right),
    ("stream", Align::Left),
    ("name", Align::Left),
    ("attempts", Align::Right),
    ("waiting", Align::Right),
    ("last tried", Align::Left),
    ("cause", Align::Left),
];

fn row(letter: &Letter) -> Vec<String> {
    let Letter { projection, letter, waiting } = letter;
    vec![
        projection.to_string(),
        escaped(&letter.place.queue.to_string()).into_owned(),
        letter.place.position.to_string(),
        escaped(letter.stream.as_str()).into_owned(),
        escaped(&letter.name).into_owned(),
        letter.attempts.to_string(),
        waiting.to_string(),
        millis(letter.last_at),
        letter.cause.as_deref().map_or_else(|| "it waits".into(), shortened),
    ]
}

fn shortened(cause: &str) -> String {
    let safe = escaped(cause);
    let mut text: String = safe.chars().take(CAUSE_CHARS_MAX).collect();
    if text.len() < safe.len() {
        text.push('…');
    }
    text
}

const DISCARDED_COLUMNS: [(&str, Align); 5] = [
    ("projection", Align::Left),
    ("queue", Align::Left),
    ("position", Align::Right),
    ("discarded", Align::Left),
    ("reason", Align::Left),
];

fn discarded_row(projection: &ProjectionId, discarded: &Discarded) -> Vec<String> {
    let Discarded { place: LetterPlace { queue, position }, reason, at } = discarded;
    vec![
        projection.to_string(),
        escaped(&queue.to_string()).into_owned(),
        position.to_string(),
        millis(*at),
        escaped(reason).into_owned(),
    ]
}

/// A line of `--discarded --json`; the fields and their order are stable.
#[derive(Serialize)]
struct ShownDiscarded<'a> {
    projection: &'a str,
    projection_version: u32,
    queue: String,
    position: u64,
    discarded_at: String,
    reason: &'a str,
}

impl<'a> ShownDiscarded<'a> {
    fn of(projection: &'a ProjectionId, discarded: &'a Discarded) -> Self {
        Self {
            projection: projection.name(),
            projection_version: projection.version(),
            queue: discarded.place.queue.to_string(),
            position: discarded.place.position.value(),
            discarded_at: micros(discarded.at),
            reason: &discarded.reason,
        }
    }
}

fn table(
    columns: &[(&'static str, Align)],
    rows: &[Vec<String>],
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut table = Table::new(columns);
    table.fit(rows);
    console.line(table.header())?;
    rows.iter().try_for_each(|row| console.line(table.row(row.iter().map(String::as_str))))
}

fn say_more(more: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    if more {
        console.flush()?;
        console.note("there are more: raise --limit, or name a projection");
    }
    Ok(())
}
