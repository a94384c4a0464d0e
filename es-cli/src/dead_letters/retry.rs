//! `dead-letters retry` and `dead-letters discard`: what needs the code of the application.

use super::no_letter;
use super::show::find;
use crate::command::OneProjection;
use crate::output::Console;
use crate::text::escaped;
use crate::yes::confirm;
use crate::{DiscardArgs, Failure, FailureKind, RetryArgs, which};
use es_core::{
    AnyProjector, App, CheckpointStore, DeadLetter, Generation, GenerationState, LetterPlace, Position,
    Retried,
};

pub(super) async fn retry(app: &App, args: &RetryArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let projector = projector(app, &args.projection)?;
    if let Some(queue) = &args.queue {
        let first = LetterPlace { queue: queue.clone(), position: Position::START };
        let found = match generation(app, projector).await? {
            Some(generation) => find(app, &generation, &first, false).await?,
            None => None,
        };
        found.ok_or_else(|| no_letter(projector.projection(), &queue.to_string()))?;
    }
    let retried = projector.retry(args.queue.as_ref()).await?;
    let projection = projector.projection();
    console.line(format_args!("{projection}: {}", counts(retried)))?;
    if retried.failed == 0 {
        return Ok(());
    }
    let (noun, name) = (letters(retried.failed), projection.name());
    let message = format!("{} {noun} of {projection} failed again", retried.failed);
    Err(Failure::new(FailureKind::Failed, message)
        .with_hint(format!("see why with: dead-letters list {name}")))
}

pub(super) async fn discard(app: &App, args: &DiscardArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let projector = projector(app, &args.projection)?;
    let projection = projector.projection();
    let place = LetterPlace { queue: args.queue.clone(), position: Position::new(args.position) };
    let found = match generation(app, projector).await? {
        Some(generation) => find(app, &generation, &place, true).await?,
        None => None,
    };
    let found = found.ok_or_else(|| no_letter(projection, &place.to_string()))?;
    let DeadLetter { stream, version, name, .. } = &found.letter;
    let what = format!(
        "do without {name} for ever, version {version} of stream `{stream}`, in {place} of {projection}"
    );
    confirm(args.yes, &escaped(&what), projection.name(), console).await?;
    let retried = projector.discard_letter(&place, &args.reason).await?;
    let place = place.to_string();
    console.line(format_args!("{projection}: discarded {}; {}", escaped(&place), counts(retried)))?;
    if retried.failed > 0 {
        console.note(format_args!(
            "what waited behind it could not all be taken: see with dead-letters list {}",
            projection.name()
        ));
    }
    Ok(())
}

/// The read model or the reactor that is meant.
fn projector<'a>(app: &'a App, which: &OneProjection) -> Result<&'a AnyProjector, Failure> {
    which::one_of(which, "application", app.followers().collect(), |projector| {
        (projector.projection().name(), projector.projection().version())
    })
}

/// The live one, if it was ever run.
async fn generation(app: &App, projector: &AnyProjector) -> Result<Option<Generation>, Failure> {
    let is_it = |found: &Generation| {
        found.projection == *projector.projection() && found.state == GenerationState::Live
    };
    Ok(app.store().generations().await?.into_iter().find(is_it))
}

fn counts(retried: Retried) -> String {
    let Retried { settled, failed, waiting } = retried;
    format!("{settled} settled, {failed} failed, {waiting} waiting")
}

fn letters(count: u64) -> &'static str {
    if count == 1 { "dead letter" } else { "dead letters" }
}
