//! A real business log, run through aggregates, commands, an event store, projections and a replay.
//!
//! ```sh
//! cargo run --release --example loans                                     # a generated log, on SQLite
//! cargo run --release --example loans -- --log bpic2012.csv.gz            # the real one
//! cargo run --release --example loans -- replay --all                     # builds the read models anew
//! cargo run --release --example loans -- state application-173688 --at 5  # how an application stood
//! ```
//!
//! Read it in this order: `domain` (what can happen to an application), `views` (what we want to know), `import` (the
//! log becomes commands). What is left is reading the log and printing the report.
//!
//! A row that is damaged or breaks a rule is refused, with its line and the reason on stderr, and the others are not:
//! the import then has still worked, and the exit code is 0. What else fails ends with another one.

mod domain;
mod views;

mod import;
mod log;
mod tally;

mod report;
mod tables;
mod timings;

use clap::Parser;
use domain::Application;
use es_cli::{Failure, FailureKind, ProgressBar, StoreArgs};
use es_core::{App, CheckpointStore, EventStore, GenerationState, Position, Store, StoreError};
use import::Import;
use log::Source;
use report::Report;
use serde::Serialize;
use std::io::Write;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tally::Tally;
use timings::Timings;
use views::{Activity, ApplicationSummary, EmployeeWork, Month, Outcomes};

/// Runs a log of loan applications through aggregates, an event store and read models.
#[derive(Debug, Parser)]
#[command(name = "loans")]
struct Args {
    /// The log, as CSV or gzipped CSV; without it one of the same shape is generated
    #[arg(long, value_name = "PATH")]
    log: Option<PathBuf>,

    #[command(flatten)]
    store: StoreArgs,

    /// How many applications the generated log has
    #[arg(long, value_name = "N", default_value_t = 2_000, conflicts_with = "log")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    applications: u64,

    /// The generated log is another one for each seed
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "log")]
    seed: u64,

    /// How many commands are under way at a time
    #[arg(long, value_name = "N", default_value = "64")]
    in_flight: NonZeroU16,

    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,

    #[command(subcommand)]
    command: Option<es_cli::Command>,
}

const STORE_DEFAULT: &str = "sqlite:loans.db";

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(es_cli::parse()).await)
}

async fn start(args: Args) -> Result<(), Failure> {
    let store = args.store.open_for(args.command.as_ref(), STORE_DEFAULT).await?;
    let app = app(store);
    match args.command {
        Some(command) => es_cli::run(&app, command).await,
        None => import_and_report(&app, args).await,
    }
}

/// All there is to say about this application.
fn app(store: Arc<dyn Store>) -> App {
    App::new(store)
        .aggregate::<Application>()
        .projection::<Outcomes>()
        .projection::<Activity>()
        .projection::<Month>()
        .projection::<EmployeeWork>()
        .projection::<ApplicationSummary>()
}

/// What `--json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    report: &'a Report,
    timings: Timings,
}

async fn import_and_report(app: &App, args: Args) -> Result<(), Failure> {
    let source = match args.log {
        Some(path) => Source::File(path),
        None => {
            let (applications, seed) = (args.applications, args.seed);
            say(&format!("no --log given: generated {applications} applications, seed {seed}"));
            Source::Generated { applications, seed }
        }
    };
    let began = Instant::now();
    let (digest, rows) =
        source.digest().map_err(|error| Failure::of(&error).within(format!("{source} cannot be read")))?;
    let digested = began.elapsed();
    let import = Import { source, digest, in_flight: args.in_flight };
    if import.is_foreign_to(app.store()).await? {
        let message = format!("the store holds events of something else than {}", import.source);
        let hint =
            "give every log a store of its own, as with --store sqlite:other.db, or remove the old one";
        return Err(Failure::new(FailureKind::Usage, message).with_hint(hint));
    }

    let began = Instant::now();
    let mut bar = ProgressBar::new("import", rows);
    let tally = import.run(app.store().clone(), |done| bar.set(done)).await?;
    bar.finish();
    let imported = (tally.rows(), began.elapsed());
    say_rejected(&tally);

    let behind = events_behind(app).await?;
    let began = Instant::now();
    app.catch_up().await?;
    let projected = (behind, began.elapsed());

    let report = Report::read(app.store(), tally.rejected).await?;
    let timings = Timings::new(digested, imported, projected);
    let text = if args.json {
        serde_json::to_string_pretty(&Printed { report: &report, timings })? + "\n"
    } else {
        tables::show(&report, &timings)
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// How many events the read model that is furthest behind has before it.
async fn events_behind(app: &App) -> Result<u64, StoreError> {
    let head = app.store().head().await?.map_or(Position::START, |head| head.position);
    let generations = app.store().generations().await?;
    let live: Vec<_> = generations.iter().filter(|found| found.state == GenerationState::Live).collect();
    let furthest = live.iter().map(|found| found.position().value()).min();
    let all_there = live.len() == app.projectors().len();
    Ok(head.value() - furthest.filter(|_| all_there).unwrap_or_default())
}

fn say_rejected(tally: &Tally) {
    for rejected in &tally.first_rejected {
        say(&format!("line {}: {}", rejected.line, rejected.reason));
    }
    let more = tally.rejected - tally.first_rejected.len() as u64;
    if more > 0 {
        say(&format!("… and {more} more"));
    }
    if tally.rejected > 0 {
        say(&format!(
            "{} of {} rows were refused, and nothing of them is stored",
            tally.rejected,
            tally.rows()
        ));
    }
}

fn say(line: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}
