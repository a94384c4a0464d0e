//! [`run`] and [`run_to`].

use crate::output::Console;
use crate::{
    Command, EventsCommand, Failure, FailureKind, SnapshotsCommand, StreamsCommand, check, completions,
    dead_letters, events, projections, replay, snapshots, state, stream_list, streams, trace, verify, work,
};
use es_core::App;
use std::io::{BufWriter, Write};

/// Carries out `command` on `app`: data to stdout, progress and notes to stderr. Give what it returns to
/// [`exit`](crate::exit).
///
/// # Errors
/// [`Failure`]: what to tell the person who asked.
pub async fn run(app: &App, command: Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(anstream::stdout());
    let mut err = anstream::stderr();
    carry_out(app, command, Console::on_terminal(&mut out, &mut err)).await
}

/// Carries out `command` on `app` and writes to `out` and `err`, as to files: for tests, and for programs that show the
/// result in another place.
///
/// # Errors
/// [`Failure`]: what to tell the person who asked.
pub async fn run_to(
    app: &App,
    command: Command,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    carry_out(app, command, Console::on_file(out, err)).await
}

async fn carry_out(app: &App, command: Command, mut console: Console<'_>) -> Result<(), Failure> {
    let done = match command {
        Command::Replay(args) => replay::run(app, &args, &mut console, interrupted()).await,
        Command::Projections(args) => projections::run(app, &args, &mut console, interrupted()).await,
        Command::DeadLetters(command) => dead_letters::run(app, &command, &mut console).await,
        Command::Streams(StreamsCommand::List(args)) => {
            until_interrupted(stream_list::run(app, &args, &mut console)).await
        }
        Command::Streams(StreamsCommand::Show(args)) => streams::run(app, &args, &mut console).await,
        Command::Snapshots(SnapshotsCommand::List(args)) => {
            until_interrupted(snapshots::list(app, &args, &mut console)).await
        }
        Command::Snapshots(SnapshotsCommand::Drop(args)) => {
            until_interrupted(snapshots::drop(app, &args, &mut console)).await
        }
        Command::Events(EventsCommand::Tail(args)) => {
            events::tail(app, &args, &mut console, interrupted()).await
        }
        Command::Events(EventsCommand::Show(args)) => {
            until_interrupted(events::show(app, &args, &mut console)).await
        }
        Command::Events(EventsCommand::Grep(args)) => {
            until_interrupted(events::grep(app, &args, &mut console)).await
        }
        Command::Trace(args) => until_interrupted(trace::run(app, &args, &mut console)).await,
        Command::Verify(args) => until_interrupted(verify::run(app, &args, &mut console)).await,
        Command::Check(command) => check::run(app, &command, &mut console).await,
        Command::Run(args) => work::run(app, &args, &mut console).await,
        Command::State(args) => state::run(app, &args, &mut console).await,
        Command::Completions(args) => completions::run(&args, &mut console),
    };
    let flushed = console.flush();
    match done.and(flushed) {
        // Whoever reads has seen enough, as `head` has.
        Err(failure) if failure.is_closed_pipe() => Ok(()),
        outcome => outcome,
    }
}

/// Reads until Ctrl-C is pressed: whoever only reads leaves nothing behind.
async fn until_interrupted(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        outcome = work => outcome,
        () = interrupted() => Err(Failure::new(FailureKind::Interrupted, "interrupted before the end")),
    }
}

/// Returns when Ctrl-C is pressed; never where that cannot be noticed, and Ctrl-C then ends the process as usual.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
