//! What `snapshots` can be asked.

use es_core::{SnapshotsOf, StreamId};

/// What can be done with snapshots.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum SnapshotsCommand {
    /// List them by stream, with how large they are
    List(SnapshotsArgs),
    /// Drop them: the next load folds a stream from its first event, with the same result
    Drop(DropSnapshotsArgs),
}

/// Which snapshots to list.
#[derive(Debug, Clone, clap::Args)]
pub struct SnapshotsArgs {
    /// Only those of this stream, as in account-DE02, or of this category, as in account
    #[arg(long, value_name = "CATEGORY|STREAM", value_parser = SnapshotsOf::named)]
    pub(crate) stream: Option<SnapshotsOf>,
    /// List at most so many
    #[arg(long, value_name = "SNAPSHOTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which snapshots to drop.
#[derive(Debug, Clone, clap::Args)]
pub struct DropSnapshotsArgs {
    /// Those of this stream: a category, `-` and a key, as in account-DE02
    #[arg(value_name = "STREAM", required_unless_present_any = ["category", "all"], conflicts_with_all = ["category", "all"])]
    pub(crate) stream: Option<StreamId>,
    /// Those of the streams of this category
    #[arg(long, value_name = "CATEGORY", conflicts_with = "all", value_parser = category)]
    pub(crate) category: Option<String>,
    /// Those of every stream
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

fn category(text: &str) -> Result<String, String> {
    match SnapshotsOf::named(text) {
        Ok(SnapshotsOf::Category(category)) => Ok(category),
        Ok(_) => Err("expected a category, as in account, found a stream".into()),
        Err(invalid) => Err(invalid.to_string()),
    }
}
