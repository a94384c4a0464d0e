//! The commands that every application needs, embedded with a few lines: `replay`, `projections` and `dead-letters`
//! for its read models, `streams list|show` for its histories, `state` and `snapshots` for its aggregates, `events` and
//! `trace` for the log of them all, `check` for monitoring.
//!
//! ```no_run
//! # use es_core::{Aggregate, App, Apply, Event, Fate, Id, KeyError, Projection, Recorded};
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
//! # #[event(prefix = "account")]
//! # enum AccountEvent { Opened }
//! # #[derive(Aggregate, Serialize)]
//! # #[aggregate(event = AccountEvent, error = std::fmt::Error)]
//! # struct Account { id: Id<Account> }
//! # impl Apply<AccountEvent> for Account { fn apply(&mut self, _: &AccountEvent) {} }
//! # #[derive(Default, Serialize, Deserialize)]
//! # struct Movements(u32);
//! # impl Projection for Movements {
//! #     const NAME: &'static str = "movements";
//! #     type Event = AccountEvent;
//! #     type Key = Id<Account>;
//! #     fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
//! #         Ok([event.stream.id::<Account>()?])
//! #     }
//! #     fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate { Fate::Keep }
//! # }
//! # async fn serve(_: App) -> Result<(), es_cli::Failure> { Ok(()) }
//! #[derive(clap::Parser)]
//! struct Args {
//!     #[command(flatten)]
//!     store: es_cli::StoreArgs,
//!     #[command(subcommand)]
//!     command: Option<es_cli::Command>,
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     es_cli::exit(start(es_cli::parse()).await)
//! }
//!
//! async fn start(args: Args) -> Result<(), es_cli::Failure> {
//!     let store = args.store.open_for(args.command.as_ref(), "sqlite:bank.db").await?;
//!     let app = App::new(store).aggregate::<Account>().projection::<Movements>();
//!     match args.command {
//!         Some(command) => es_cli::run(&app, command).await,
//!         None => serve(app).await, // what the application itself does
//!     }
//! }
//! ```
//!
//! Data goes to stdout and everything else to stderr; `--json` is for programs, and its shape is stable. What stored
//! data brings along that a terminal would obey is shown escaped. See [`FailureKind`] for the exit codes.

mod dot_env;
mod parse;
mod recorder;
mod store_args;
mod store_url;

mod command;
mod run;
mod selection;

mod check;
mod completions;
mod dead_letters;
mod events;
#[cfg(feature = "postgres")]
mod migrate;
mod pause;
mod projections;
mod replay;
mod snapshots;
mod state;
mod stream_list;
mod streams;
mod trace;
mod verify;
mod work;

mod age;
mod failure;
mod output;
mod progress;
mod scan;
mod shown_event;
mod suggestion;
mod text;
mod which;
mod yes;

pub use check::unknown;
pub use command::{
    CheckCommand, CheckLettersArgs, Command, ComparedArgs, CompletionsArgs, DeadLettersCommand, DiscardArgs,
    DropArgs, DropSnapshotsArgs, EventArgs, EventsCommand, GrepArgs, LagArgs, LetterArgs, LettersArgs,
    ListArgs, ListedProjectionsArgs, LookAtLetters, OneProjection, ProjectionsArgs, ProjectionsCommand,
    ReplayArgs, RetryArgs, RunArgs, ShardsArgs, ShowArgs, SnapshotsArgs, SnapshotsCommand, StateArgs,
    StatusOfArgs, StoredProjectionsArgs, StoredProjectionsCommand, StreamsCommand, TailArgs, TraceArgs,
    VerifyArgs,
};
pub use completions::completions;
pub use failure::{Failure, FailureKind, exit};
#[cfg(feature = "postgres")]
pub use migrate::{MigrateCommand, SqlArgs, StatusArgs, migrate, migrate_to};
pub use parse::parse;
pub use progress::ProgressBar;
pub use run::{run, run_to};
pub use selection::SelectionArgs;
pub use store_args::StoreArgs;
pub use store_url::StoreUrl;
