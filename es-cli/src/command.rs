//! [`Command`]: what a person can ask for.

use chrono::{DateTime, Utc};

/// The commands that every application gets: a `#[command(subcommand)]` of its own arguments, or `#[command(flatten)]`
/// among subcommands of its own. [`run`](crate::run) carries them out.
#[derive(Debug, Clone, clap::Subcommand)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub enum Command {
    /// Rebuild read models from the log, beside the live ones, and swap
    Replay(ReplayArgs),
    /// Show the read models: where they are, and whether they run
    Projections(ProjectionsArgs),
    /// Look into streams
    #[command(subcommand)]
    Streams(StreamsCommand),
    /// Show the state of an aggregate, as it is or as it was
    State(StateArgs),
}

/// What can be asked of streams.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum StreamsCommand {
    /// Show the history of one stream, oldest event first
    Show(ShowArgs),
}

/// What to rebuild.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// The read models to rebuild, by name
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) names: Vec<String>,
    /// Rebuild every read model of the application
    #[arg(long)]
    pub(crate) all: bool,
    /// Compare what the log gives with what is live, and change nothing
    #[arg(long)]
    pub(crate) check: bool,
    /// Go on with a replay that was killed; only right with the same program that began it
    #[arg(long, conflicts_with = "check")]
    pub(crate) resume: bool,
}

/// How to show the read models, or what to do with one.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ProjectionsArgs {
    /// What to do; they are shown otherwise.
    #[command(subcommand)]
    pub(crate) command: Option<ProjectionsCommand>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with a read model while the application runs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ProjectionsCommand {
    /// Stop it where it is, in whatever process it runs, until it is resumed
    Pause(OneProjection),
    /// Let it go on after a pause, or try again after a halt
    Resume(OneProjection),
}

/// Which read model.
#[derive(Debug, Clone, clap::Args)]
pub struct OneProjection {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its version, where the store has several
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<u32>,
}

/// Which history to show.
#[derive(Debug, Clone, clap::Args)]
pub struct ShowArgs {
    /// The stream: a category, `-` and a key, as in account-DE02
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,
    /// Begin behind this version
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    pub(crate) after: u64,
    /// Show at most so many events
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which state to show.
#[derive(Debug, Clone, clap::Args)]
pub struct StateArgs {
    /// The stream of the aggregate: a category, `-` and a key, as in account-DE02
    #[arg(value_name = "STREAM")]
    pub(crate) stream: String,
    /// As it was at this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) at: Option<u64>,
    /// As it was recorded at this time, as in 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "at", value_parser = parse_time)]
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Print one JSON object with the stream, the version and the state
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc()).map_err(|error| format!("{error}; write it as 2026-01-31T12:00:00Z"))
}
