//! What `dead-letters` can be asked.

use crate::command::OneProjection;
use es_core::LetterQueue;

/// What can be done with dead letters.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum DeadLettersCommand {
    /// What needs no code of the application.
    #[command(flatten)]
    Look(LookAtLetters),
    /// Take them once more, each queue in its order: where one fails again, those behind it go on waiting
    Retry(RetryArgs),
    /// Do without the event of one for ever, also in every rebuild, and take those that waited behind it
    Discard(DiscardArgs),
}

/// What can be seen of dead letters without the code of the application.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum LookAtLetters {
    /// List the events that could not be taken, by queue and position
    List(LettersArgs),
    /// Show one with its whole cause, and the event itself
    Show(LetterArgs),
}

/// Which dead letters to list.
#[derive(Debug, Clone, clap::Args)]
pub struct LettersArgs {
    /// Only those of this read model or reactor
    #[arg(value_name = "PROJECTION")]
    pub(crate) name: Option<String>,
    /// Only those of this version of it
    #[arg(long, value_name = "VERSION", requires = "name")]
    pub(crate) version: Option<u32>,
    /// List those that were discarded instead, and why
    #[arg(long)]
    pub(crate) discarded: bool,
    /// List at most so many
    #[arg(long, value_name = "LETTERS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which dead letter to show.
#[derive(Debug, Clone, clap::Args)]
pub struct LetterArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// The queue it stands in: `key:` and the key of a view, or `stream:` and a stream
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: LetterQueue,
    /// The position of its event; the first of the queue otherwise
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub(crate) position: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which dead letters to take once more.
#[derive(Debug, Clone, clap::Args)]
pub struct RetryArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// Those of one queue: `key:` and the key of a view, or `stream:` and a stream
    #[arg(long, value_name = "QUEUE", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) queue: Option<LetterQueue>,
    /// Those of every queue
    #[arg(long)]
    pub(crate) all: bool,
}

/// Which dead letter to do without.
#[derive(Debug, Clone, clap::Args)]
pub struct DiscardArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// The queue it stands in: `key:` and the key of a view, or `stream:` and a stream
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: LetterQueue,
    /// The position of its event
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub(crate) position: u64,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) reason: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
