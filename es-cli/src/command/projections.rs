//! What `projections` can be asked.

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
