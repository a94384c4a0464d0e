//! [`Arguments`]: what is asked for on the command line.

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

/// Runs several processes against one store, breaks what lies around them, and looks for what must not happen.
///
/// While it runs, each process writes into a journal of its own what it is about to do and what came of it. After the
/// safety phase, with faults, comes the liveness phase, without: everything has to catch up within 10 seconds. Then
/// the log, the views and the journals are compared.
///
/// A seed reproduces the plan: which operations each process asks for, and which faults come when. What the machine's
/// scheduler, its disk and its network make of it is no part of the seed: run a seed several times.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "torture",
    after_help = "Ends with 0 if nothing was found. The last line is one JSON object."
)]
pub struct Arguments {
    /// The store.
    #[arg(long)]
    pub store: StoreKind,
    /// How long the safety phase takes.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Makes the plan; a random one unless given.
    #[arg(long)]
    pub seed: Option<u64>,
    /// How many processes write.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub writers: u16,
    /// The faults, with commas between them; all that the store can suffer unless given. `none` for none.
    #[arg(long, value_delimiter = ',')]
    pub nemesis: Vec<Nemesis>,
    /// Breaks the store on purpose: it has to be caught. Each is a twin of postgres; `no-epoch` is one of the others
    /// too, and `naive` of the one in memory.
    #[arg(long)]
    pub twin: Option<Twin>,
}

/// Which store is tortured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// A private server that it starts.
    Postgres,
    /// A file among the temporary files.
    Sqlite,
    /// Tasks of one process; a kill drops them wherever they are.
    Memory,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Nemesis {
    /// No fault.
    None,
    /// SIGKILL of a process, which is started again.
    Kill,
    /// `pg_terminate_backend` of some connections.
    Terminate,
    /// A proxy that cuts connections at some byte, swallows what is sent, or is slow.
    Cut,
    /// SIGSTOP of a process, and SIGCONT later than its lease.
    Pause,
    /// An immediate restart of the server.
    Restart,
    /// Projections that are divided into other shards while they run.
    Divide,
}

/// A store that lacks one guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Twin {
    /// Reads what is committed behind the last position, whatever is still open before it.
    Naive,
    /// Asks for the bound and the rows in one statement.
    OneStatement,
    /// Moves readers to the bound rather than to the last row.
    HorizonAsCursor,
    /// Commits a batch without comparing the epoch and the checkpoint.
    NoEpoch,
}

impl StoreKind {
    /// The faults that this store can suffer.
    fn faults(self) -> &'static [Nemesis] {
        match self {
            Self::Postgres => {
                use Nemesis::*;
                &[Kill, Terminate, Cut, Pause, Restart, Divide]
            }
            Self::Sqlite => &[Nemesis::Kill, Nemesis::Pause, Nemesis::Divide],
            Self::Memory => &[Nemesis::Kill, Nemesis::Divide],
        }
    }
}

impl Arguments {
    /// The faults that were asked for, each once.
    ///
    /// # Errors
    /// When the store cannot suffer one of them.
    pub fn faults(&self) -> anyhow::Result<Vec<Nemesis>> {
        if self.nemesis.is_empty() {
            return Ok(self.store.faults().to_vec());
        }
        let mut faults = self.nemesis.clone();
        faults.retain(|fault| *fault != Nemesis::None);
        faults.sort_unstable();
        faults.dedup();
        let foreign = faults.iter().find(|fault| !self.store.faults().contains(fault));
        match foreign {
            Some(fault) => anyhow::bail!("{:?} cannot suffer {fault:?}", self.store),
            None => Ok(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(words: &str) -> anyhow::Result<Vec<Nemesis>> {
        Arguments::parse_from(format!("torture {words}").split(' ')).faults()
    }

    #[test]
    fn faults_are_those_of_the_store_unless_given() {
        assert_eq!(faults("--store sqlite").unwrap(), [Nemesis::Kill, Nemesis::Pause, Nemesis::Divide]);
        assert_eq!(faults("--store sqlite --nemesis pause,pause").unwrap(), [Nemesis::Pause]);
        assert_eq!(faults("--store postgres --nemesis none").unwrap(), []);
    }

    #[test]
    fn a_fault_that_the_store_cannot_suffer_is_refused() {
        assert!(faults("--store memory --nemesis restart").is_err());
    }
}
