//! What can be done with a store without the code of its application.

use clap::{CommandFactory, Parser};
use es_cli::{
    CheckCommand, Command, CompletionsArgs, DeadLettersCommand, EventsCommand, Failure, FailureKind,
    LookAtLetters, MigrateCommand, SnapshotsCommand, StoreArgs, StoreUrl, StoredProjectionsArgs,
    StreamsCommand, TraceArgs, VerifyArgs,
};
use es_core::App;
use std::process::ExitCode;

/// Looks into an event store and keeps its schema, without the code of its application
#[derive(Debug, Parser)]
#[command(name = "es", version)]
struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Keep the schema of a store on PostgreSQL
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// List the read models: where they are, and whether they run; or look after one
    Projections(StoredProjectionsArgs),
    /// Look at the events that read models and reactors could not take
    #[command(subcommand)]
    DeadLetters(LookAtLetters),
    /// Look into streams
    #[command(subcommand)]
    Streams(StreamsCommand),
    /// List the saved states of aggregates, or drop them
    #[command(subcommand)]
    Snapshots(SnapshotsCommand),
    /// Look into the log of all events
    #[command(subcommand)]
    Events(EventsCommand),
    /// Show the events that share a correlation id, each under the one that caused it
    Trace(TraceArgs),
    /// Read the whole log once, and check what can be checked from outside
    Verify(VerifyArgs),
    /// Answer for monitoring, in one line and with the exit codes of Nagios plugins
    #[command(subcommand)]
    Check(CheckCommand),
    /// Print a script by which a shell completes the commands
    Completions(CompletionsArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = es_cli::parse();
    let check = match &args.command {
        Task::Check(check) => Some(check.clone()),
        _ => None,
    };
    let outcome = start(args).await;
    es_cli::exit(match check {
        Some(check) => outcome.map_err(|failure| es_cli::unknown(&check, failure)),
        None => outcome,
    })
}

async fn start(args: Args) -> Result<(), Failure> {
    let command = match args.command {
        Task::Completions(shell) => return es_cli::completions(Args::command(), &shell),
        Task::Migrate(command) => return es_cli::migrate(&url(&args.store)?, command).await,
        Task::Projections(args) => Command::Projections(args.into()),
        Task::DeadLetters(look) => Command::DeadLetters(DeadLettersCommand::Look(look)),
        Task::Streams(command) => Command::Streams(command),
        Task::Snapshots(command) => Command::Snapshots(command),
        Task::Events(command) => Command::Events(command),
        Task::Trace(args) => Command::Trace(args),
        Task::Verify(args) => Command::Verify(args),
        Task::Check(command) => Command::Check(command),
    };
    es_cli::run(&App::new(url(&args.store)?.open_existing().await?), command).await
}

fn url(store: &StoreArgs) -> Result<StoreUrl, Failure> {
    store.url()?.ok_or_else(|| {
        Failure::new(FailureKind::Usage, "no store was named")
            .with_hint("say --store URL, or set ES_STORE_URL, also in a file .env")
    })
}
