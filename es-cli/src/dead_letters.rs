//! `dead-letters`: the events that read models and reactors could not take.

mod list;
mod pages;
mod retry;
mod show;

use crate::output::Console;
use crate::{DeadLettersCommand, Failure, FailureKind, LookAtLetters};
use es_core::{App, LetterPlace};
use pages::Letter;
use serde::Serialize;

pub(crate) async fn run(
    app: &App,
    command: &DeadLettersCommand,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match command {
        DeadLettersCommand::Look(LookAtLetters::List(args)) if args.discarded => {
            list::discarded(app, args, console).await
        }
        DeadLettersCommand::Look(LookAtLetters::List(args)) => list::letters(app, args, console).await,
        DeadLettersCommand::Look(LookAtLetters::Show(args)) => show::show(app, args, console).await,
        DeadLettersCommand::Retry(args) => retry::retry(app, args, console).await,
        DeadLettersCommand::Discard(args) => retry::discard(app, args, console).await,
    }
}

/// A dead letter as `--json` prints it; the fields and their order are stable.
#[derive(Serialize)]
struct ShownLetter<'a> {
    projection: &'a str,
    projection_version: u32,
    queue: String,
    position: u64,
    stream: &'a str,
    version: u64,
    name: &'a str,
    attempts: u32,
    first_at: String,
    last_at: String,
    /// Nothing where it only waits behind another.
    cause: Option<&'a str>,
    waiting: u64,
}

impl<'a> ShownLetter<'a> {
    fn of(letter: &'a Letter) -> Self {
        let (projection, letter, waiting) = (&letter.projection, &letter.letter, letter.waiting);
        Self {
            projection: projection.name(),
            projection_version: projection.version(),
            queue: letter.place.queue.to_string(),
            position: letter.place.position.value(),
            stream: letter.stream.as_str(),
            version: letter.version.value(),
            name: &letter.name,
            attempts: letter.attempts,
            first_at: pages::micros(letter.first_at),
            last_at: pages::micros(letter.last_at),
            cause: letter.cause.as_deref(),
            waiting,
        }
    }
}

fn no_letter(projection: &impl std::fmt::Display, place: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("{projection} has no dead letter in {place}"))
        .with_hint("see with `dead-letters list` which there are")
}

/// How a place is named where its position was left out.
fn place_text(place: &LetterPlace, position: Option<u64>) -> String {
    match position {
        Some(_) => place.to_string(),
        None => place.queue.to_string(),
    }
}
