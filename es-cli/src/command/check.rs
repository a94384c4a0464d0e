//! What `check` can be asked.

use std::fmt;
use std::str::FromStr;

/// What monitoring can ask.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum CheckCommand {
    /// Whether the read models keep up with the log: 0 is well, 1 a warning, 2 critical, 3 unknown
    Lag(LagArgs),
    /// Whether read models and reactors could take every event: 0 is well, 1 a warning, 2 critical, 3 unknown
    DeadLetters(CheckLettersArgs),
}

impl CheckCommand {
    /// What its line begins with.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Lag(_) => "LAG",
            Self::DeadLetters(_) => "DEAD LETTERS",
        }
    }
}

const LAG_HELP: &str = "\
A number counts positions, of which some stores leave out a few: so many events or fewer are still to be read. With `s` \
behind it, as in 30s, it is the age of the oldest event that is still to be read; both limits are of one kind. What halted \
is critical. A name stands for its highest version. With the code of an application its own projections are checked, also \
those that were never run; without it, those in the store.";

/// What lag is too much.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = LAG_HELP)]
pub struct LagArgs {
    /// Warn when a read model is more behind: so many positions, or seconds, as in 30s
    #[arg(long, value_name = "POSITIONS|SECONDS")]
    pub(crate) warn: LagLimit,
    /// Critical when a read model is more behind
    #[arg(long, value_name = "POSITIONS|SECONDS")]
    pub(crate) crit: LagLimit,
    /// Check only this projection
    #[arg(long, value_name = "NAME")]
    pub(crate) projection: Option<String>,
}

/// How much a read model may be behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LagLimit {
    pub(crate) unit: LagUnit,
    pub(crate) amount: u64,
}

/// In what lag is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LagUnit {
    Positions,
    Seconds,
}

impl FromStr for LagLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = match text.strip_suffix('s') {
            Some(number) => (number, LagUnit::Seconds),
            None => (text, LagUnit::Positions),
        };
        let amount = number.parse();
        let amount =
            amount.map_err(|_| "expected positions, as in 1000, or seconds, as in 30s".to_owned())?;
        Ok(Self { unit, amount })
    }
}

impl fmt::Display for LagLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.unit == LagUnit::Seconds { "s" } else { "" };
        write!(f, "{}{unit}", self.amount)
    }
}

const LETTERS_HELP: &str = "\
Those that only wait behind others are not counted. A name stands for its highest version. With the code of an application \
its own projections and reactors are checked; without it, those in the store.";

/// How many dead letters are too many.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = LETTERS_HELP)]
pub struct CheckLettersArgs {
    /// Warn when one read model or reactor has so many or more
    #[arg(long, value_name = "LETTERS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) warn: u64,
    /// Critical when one has so many or more
    #[arg(long, value_name = "LETTERS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) crit: u64,
    /// Check only this projection
    #[arg(long, value_name = "NAME")]
    pub(crate) projection: Option<String>,
}
