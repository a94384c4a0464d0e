//! `run`: the background work of an application, until it is told to end.

mod listen;
mod signals;

use crate::output::Console;
use crate::{Failure, FailureKind, RunArgs};
use es_core::{App, ProjectorError};
use signals::Signals;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

/// What runs, for those who ask after its health.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) app: App,
    pub(crate) shutdown: CancellationToken,
    task: AbortHandle,
}

impl Work {
    /// Begins to keep the read models.
    fn begin(app: &App) -> (Self, JoinHandle<Result<(), ProjectorError>>) {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let (app, shutdown) = (app.clone(), shutdown.clone());
            async move { app.run(shutdown).await }
        });
        (Self { app: app.clone(), shutdown, task: task.abort_handle() }, task)
    }

    /// Whether it is still at work.
    pub(crate) fn is_alive(&self) -> bool {
        !self.task.is_finished()
    }
}

/// Runs until the first signal, then finishes what is under way.
pub(crate) async fn run(app: &App, args: &RunArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let (models, reactors) = (app.projectors().len(), app.reactors().count());
    if models + reactors == 0 {
        console.note("the application has neither projections nor reactors");
        return Ok(());
    }
    let mut signals = Signals::new()?;
    // The address is taken first: where that fails, nothing has begun.
    let socket = listen::bind(args, console).await?;
    let (work, mut task) = Work::begin(app);
    listen::serve(socket, work.clone());
    console.note(format_args!(
        "running {models} read models and {reactors} reactors; Ctrl-C or SIGTERM ends it"
    ));
    tokio::select! {
        // Without projections that end by themselves this is the end of the runtime, or a defect.
        ended = &mut task => return Err(ended_early(ended)),
        () = signals.next() => {}
    }
    work.shutdown.cancel();
    let drain = args.drain;
    console
        .note(format_args!("finishing what is under way, for at most {drain} s; once more ends it at once"));
    tokio::select! {
        ended = &mut task => finished(ended, console),
        () = tokio::time::sleep(Duration::from_secs(drain)) => {
            let message = format!("it had not finished after {drain} s, and was cut off");
            Err(cut_off(Failure::new(FailureKind::Failed, message), console))
        }
        () = signals.next() => Err(cut_off(Failure::new(FailureKind::Interrupted, "it was cut off"), console)),
    }
}

/// Ends the process if it is ours: a projection that does not come back holds the runtime, and with it an orderly end.
fn cut_off(failure: Failure, console: &mut Console<'_>) -> Failure {
    let failure = failure.with_hint("what was not committed is rolled back and done again at the next start");
    if console.is_process() {
        console.report(&failure);
        let _ = console.flush();
        std::process::exit(i32::from(failure.kind().code()));
    }
    failure
}

/// Halts that still stand are told of; they are no failure of the end.
fn finished(
    ended: Result<Result<(), ProjectorError>, JoinError>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match ended {
        Ok(Ok(())) => console.note("finished"),
        Ok(Err(halted)) => {
            console.report(&Failure::from(halted));
            console.note("finished; what had halted is tried again at the next start");
        }
        Err(error) => return Err(Failure::new(FailureKind::Failed, format!("it ended wrongly: {error}"))),
    }
    Ok(())
}

fn ended_early(ended: Result<Result<(), ProjectorError>, JoinError>) -> Failure {
    match ended {
        Ok(Err(error)) => error.into(),
        Ok(Ok(())) => Failure::new(FailureKind::Failed, "the work ended by itself"),
        Err(error) => Failure::new(FailureKind::Failed, format!("the work ended by itself: {error}")),
    }
}
