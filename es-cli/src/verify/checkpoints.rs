//! Whether each checkpoint is at a row of this log.

use super::findings::{Check, Findings};
use crate::{Failure, FailureKind};
use es_core::{App, Cursor, EventStore, Filter, Generation, GenerationState, Position};

pub(super) async fn check(
    app: &App,
    generations: &[Generation],
    head: Position,
    findings: &mut Findings,
) -> Result<(), Failure> {
    findings.checked(Check::Checkpoints, generations.iter().map(|found| found.checkpoints.len()).sum());
    for generation in generations {
        for cursor in generation.checkpoints.iter().filter_map(|checkpoint| checkpoint.cursor) {
            let Some(problem) = problem(app, cursor, head).await? else { continue };
            let building = match generation.state {
                GenerationState::Live => "",
                GenerationState::Building => ", building,",
                GenerationState::Kept => ", kept,",
            };
            let text = format!("the checkpoint of {}{building} is {problem}", generation.projection);
            findings.add(Check::Checkpoints, text);
        }
    }
    Ok(())
}

/// What is wrong with a cursor.
async fn problem(app: &App, cursor: Cursor, head: Position) -> Result<Option<String>, Failure> {
    let Cursor { position, event_id } = cursor;
    if position > head {
        return Ok(Some(format!("at position {position}, beyond the head of the log, {head}")));
    }
    let before = Position::new(position.value().saturating_sub(1));
    let page = match app.store().read_all(before, &Filter::default(), 1).await.map_err(Failure::from) {
        Err(failure) if failure.kind() == FailureKind::Failed => {
            let cause = failure.sentence();
            return Ok(Some(format!("at position {position}, where the log cannot be read: {cause}")));
        }
        page => page?,
    };
    let found = page.events.first().filter(|event| event.position == position);
    Ok(match found {
        Some(event) if event.event_id == event_id => None,
        Some(event) => {
            Some(format!("at event {event_id}, position {position}, but there is event {}", event.event_id))
        }
        None => Some(format!("at position {position}, where the log has no event")),
    })
}
