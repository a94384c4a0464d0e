//! What `projections` can be asked.

use crate::ReplayArgs;

/// How to show the read models, or what to do with one.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ProjectionsArgs {
    /// What to do; they are listed otherwise.
    #[command(subcommand)]
    pub(crate) command: Option<ProjectionsCommand>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with read models.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ProjectionsCommand {
    /// What needs no code of the application.
    #[command(flatten)]
    Stored(StoredProjectionsCommand),
    /// Rebuild read models from the log, beside the live ones, and swap; the same as `replay`
    Rebuild(ReplayArgs),
    /// Divide the work on one among so many workers, which all processes of the application share
    Shards(ShardsArgs),
    /// Compare what the log gives with what is live, and change nothing; the same as `replay --check`
    Check(ComparedArgs),
}

/// The same without the code of the application.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct StoredProjectionsArgs {
    /// What to do; they are listed otherwise.
    #[command(subcommand)]
    command: Option<StoredProjectionsCommand>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl From<StoredProjectionsArgs> for ProjectionsArgs {
    fn from(args: StoredProjectionsArgs) -> Self {
        Self { command: args.command.map(ProjectionsCommand::Stored), json: args.json }
    }
}

/// What can be done with read models, also while the application runs.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum StoredProjectionsCommand {
    /// List them: where they are, and whether they run
    List(ListedProjectionsArgs),
    /// Show all that is known of one
    Status(StatusOfArgs),
    /// Stop it where it is, in whatever process it runs, until it is resumed
    Pause(OneProjection),
    /// Let it go on after a pause, or try again after a halt
    Resume(OneProjection),
    /// Put back what was live before the last rebuild, and keep what is live now
    Rollback(OneProjection),
    /// Drop what is kept from before the last rebuild, or all of a read model
    Drop(DropArgs),
}

/// How to list the read models.
#[derive(Debug, Clone, clap::Args)]
pub struct ListedProjectionsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which read model to show.
#[derive(Debug, Clone, clap::Args)]
pub struct StatusOfArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to divide a read model.
#[derive(Debug, Clone, clap::Args)]
pub struct ShardsArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// How many workers, each for a part of the keys
    #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) count: u16,
}

/// What to drop.
#[derive(Debug, Clone, clap::Args)]
pub struct DropArgs {
    #[command(flatten)]
    pub(crate) projection: OneProjection,
    /// Drop the live one too, and one that is building: all there is of this version
    #[arg(long)]
    pub(crate) all: bool,
    /// Do it without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What to compare.
#[derive(Debug, Clone, clap::Args)]
pub struct ComparedArgs {
    /// The read models to compare, by name
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    names: Vec<String>,
    /// Compare every read model of the application
    #[arg(long)]
    all: bool,
}

impl ComparedArgs {
    pub(crate) fn replay(&self) -> ReplayArgs {
        ReplayArgs {
            names: self.names.clone(),
            all: self.all,
            check: true,
            resume: false,
            workers: None,
            rate: None,
        }
    }
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
