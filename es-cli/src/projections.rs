//! `projections`: where the read models are, and whether they run.

mod kept;
mod model;
mod overview;
mod shards;
mod status;

pub(crate) use overview::Overview;

use crate::output::Console;
use crate::pause::{pause, resume};
use crate::text::json_line;
use crate::{Failure, ProjectionsArgs, ProjectionsCommand, StoredProjectionsCommand, replay};
use es_core::App;

pub(crate) async fn run(
    app: &App,
    args: &ProjectionsArgs,
    console: &mut Console<'_>,
    interrupt: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let store = &**app.store();
    match &args.command {
        None => list(app, args.json, console).await,
        Some(ProjectionsCommand::Stored(command)) => match command {
            StoredProjectionsCommand::List(args) => list(app, args.json, console).await,
            StoredProjectionsCommand::Status(args) => status::status(app, args, console).await,
            StoredProjectionsCommand::Pause(which) => pause(store, which, console).await,
            StoredProjectionsCommand::Resume(which) => resume(store, which, console).await,
            StoredProjectionsCommand::Rollback(which) => kept::roll_back(store, which, console).await,
            StoredProjectionsCommand::Drop(args) => kept::drop_it(app, args, console).await,
        },
        Some(ProjectionsCommand::Rebuild(args)) => replay::run(app, args, console, interrupt).await,
        Some(ProjectionsCommand::Shards(args)) => shards::divide(app, args, console).await,
        Some(ProjectionsCommand::Check(args)) => replay::run(app, &args.replay(), console, interrupt).await,
    }
}

async fn list(app: &App, json: bool, console: &mut Console<'_>) -> Result<(), Failure> {
    let overview = Overview::read(app).await?;
    if json {
        let text = serde_json::to_string(&overview)?;
        return console.line(json_line(&text));
    }
    overview.write(console)
}
