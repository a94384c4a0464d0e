//! What `check` can be asked.

/// What monitoring can ask.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum CheckCommand {
    /// Whether the read models keep up with the log: 0 is well, 1 a warning, 2 critical, 3 unknown
    Lag(LagArgs),
}

const LAG_HELP: &str = "\
Counted in positions, of which some stores leave out a few: so many events or fewer are still to be read. What halted is \
critical. A name stands for its highest version. With the code of an application its own projections are checked, also \
those that were never run; without it, those in the store.";

/// What lag is too much.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = LAG_HELP)]
pub struct LagArgs {
    /// Warn when a read model is more positions behind
    #[arg(long, value_name = "POSITIONS")]
    pub(crate) warn: u64,
    /// Critical when a read model is more positions behind
    #[arg(long, value_name = "POSITIONS")]
    pub(crate) crit: u64,
    /// Check only this projection
    #[arg(long, value_name = "NAME")]
    pub(crate) projection: Option<String>,
}
