//! `projections shards`.

use crate::output::Console;
use crate::{Failure, FailureKind, ShardsArgs, which};
use es_core::App;

/// Divides the live read model in another way, also while it is followed.
pub(super) async fn divide(app: &App, args: &ShardsArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let ShardsArgs { projection: which, count } = args;
    let projectors = app.projectors().iter().collect();
    let projector = which::one_of(which, "application", projectors, |projector| {
        (projector.projection().name(), projector.projection().version())
    })?;
    let projection = projector.projection();
    if !projector.divide(*count).await? {
        let message = format!("the store has no read model of {projection} yet");
        return Err(Failure::new(FailureKind::NotFound, message)
            .with_hint("it is made by the application's background work, or by: replay"));
    }
    let workers = if *count == 1 { "one worker".to_owned() } else { format!("{count} workers") };
    console.note(format_args!(
        "{projection} is now the work of {workers}; all processes that run it share them"
    ));
    Ok(())
}
