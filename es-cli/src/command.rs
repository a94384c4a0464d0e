//! [`Command`]: what a person can ask for.

mod check;
mod dead_letters;
mod projections;
mod snapshots;

pub use check::{CheckCommand, CheckLettersArgs, LagArgs};
pub(crate) use check::{LagLimit, LagUnit};
pub use dead_letters::{DeadLettersCommand, DiscardArgs, LetterArgs, LettersArgs, LookAtLetters, RetryArgs};
pub use projections::{
    ComparedArgs, DropArgs, ListedProjectionsArgs, OneProjection, ProjectionsArgs, ProjectionsCommand,
    ShardsArgs, StatusOfArgs, StoredProjectionsArgs, StoredProjectionsCommand,
};

pub use snapshots::{DropSnapshotsArgs, SnapshotsArgs, SnapshotsCommand};

use crate::SelectionArgs;
use chrono::{DateTime, Utc};
use es_core::{EventId, Position};
use std::str::FromStr;
use uuid::Uuid;

/// The commands that every application gets: a `#[command(subcommand)]` of its own arguments, or `#[command(flatten)]`
/// among subcommands of its own. [`run`](crate::run) carries them out.
#[derive(Debug, Clone, clap::Subcommand)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub enum Command {
    /// Rebuild read models from the log, beside the live ones, and swap
    Replay(ReplayArgs),
    /// List the read models: where they are, and whether they run; or look after one
    Projections(ProjectionsArgs),
    /// Look at the events that read models and reactors could not take, and take them once more or do without them
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
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
    /// Keep the read models up to date, until Ctrl-C or SIGTERM
    Run(RunArgs),
    /// Show the state of an aggregate, as it is or as it was
    State(StateArgs),
    // Of an application's own arguments it knows nothing: `completions` writes a script with all of them.
    /// Print a script by which a shell completes the commands
    Completions(CompletionsArgs),
}

/// What can be asked of the log.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum EventsCommand {
    /// Follow the log: a line for each event as it comes, until Ctrl-C
    Tail(TailArgs),
    /// Show one event with all that is known of it
    Show(EventArgs),
    /// Search payloads and metadata for a text
    Grep(GrepArgs),
}

/// What can be asked of streams.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum StreamsCommand {
    /// List the streams, in the order in which they began
    List(ListArgs),
    /// Show the history of one stream, oldest event first
    Show(ShowArgs),
}

/// How to do the background work.
#[derive(Debug, Clone, clap::Args)]
pub struct RunArgs {
    /// Answer `/health/live`, `/health/ready` and `/metrics` at this address, as in 127.0.0.1:9100
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// How long to finish what is under way, once it is told to end
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) drain: u64,
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
    /// Work with so many at once on each, which share its keys; they halt at an event without one, also where one worker would
    /// park it; a projection in SQL has one
    #[arg(long, value_name = "COUNT", conflicts_with = "check", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Option<u16>,
    /// Read at most so many events a second for each, to leave the rest to others
    #[arg(long, value_name = "EVENTS", conflicts_with = "check", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
}

const LIST_HELP: &str = "\
Stores keep no list of streams: the log is read, or of it what belongs to the category, and a stream is told from its first \
event. A list with --limit ends when it is full. Nothing is kept in memory but a page of the log.";

/// Which streams to list.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = LIST_HELP)]
pub struct ListArgs {
    /// Only streams of this category
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Option<String>,
    /// Only streams that begin so, as in account-DE
    #[arg(long, value_name = "PREFIX")]
    pub(crate) prefix: Option<String>,
    /// List at most so many
    #[arg(long, value_name = "STREAMS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
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

/// Which events to follow.
#[derive(Debug, Clone, clap::Args)]
pub struct TailArgs {
    /// Where to begin: now, begin, or the position of the first event to show
    #[arg(long, value_name = "WHERE", default_value = "now")]
    pub(crate) from: TailStart,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// End after so many events
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where in the log to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TailStart {
    /// Behind its last event.
    Now,
    /// At its first event.
    Begin,
    /// At the event with this position, or else the next one.
    At(Position),
}

impl FromStr for TailStart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "now" => Ok(Self::Now),
            "begin" => Ok(Self::Begin),
            // Stores count positions with an `i64`.
            number => match number.parse::<i64>() {
                Ok(number @ 0..) => Ok(Self::At(Position::new(number as u64))),
                _ => Err("expected `now`, `begin` or a position, as in 42".into()),
            },
        }
    }
}

/// Which event to show.
#[derive(Debug, Clone, clap::Args)]
pub struct EventArgs {
    /// The event's id; or its position, by which it is found at once: stores have no look-up by id, so that for an id
    /// the log is read until the event comes
    #[arg(value_name = "EVENT_ID")]
    pub(crate) event: EventKey,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an event is named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKey {
    Id(EventId),
    Position(Position),
}

impl FromStr for EventKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A UUID without dashes may be made of digits alone, but it is longer than any position.
        match (text.parse::<i64>(), Uuid::parse_str(text)) {
            (Ok(number @ 1..), _) => Ok(Self::Position(Position::new(number as u64))),
            (_, Ok(id)) => Ok(Self::Id(EventId::new(id))),
            _ => Err("expected the id of an event, a UUID, or its position, as in 42".into()),
        }
    }
}

/// What to search for.
#[derive(Debug, Clone, clap::Args)]
pub struct GrepArgs {
    /// The text, with its upper and lower case; payloads are searched as they are stored, as JSON
    #[arg(value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// End after so many events that contain it
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which events to show as a tree.
#[derive(Debug, Clone, clap::Args)]
pub struct TraceArgs {
    /// The correlation id, a UUID; the whole log is read for it
    #[arg(value_name = "CORRELATION_ID")]
    pub(crate) correlation_id: Uuid,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

const VERIFY_HELP: &str = "\
Positions grow; versions are 1 to n in each stream; no event id is there twice in a page of the log; payloads are JSON; each \
checkpoint is at a row of the log, which has its event id. Ends with 6 when something is wrong.

At most a million streams are remembered at a time, in about 50 MB. Beyond that the event before one is looked up, which \
takes longer. An event that was deleted at the end of its stream leaves no trace, unless a checkpoint was at it.";

/// How to show what was verified.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = VERIFY_HELP)]
pub struct VerifyArgs {
    /// Print one JSON object
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

/// For whom to write a script.
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc()).map_err(|error| format!("{error}; write it as 2026-01-31T12:00:00Z"))
}
