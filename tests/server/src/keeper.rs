//! [`Keeper`].

use crate::account::Account;
use crate::binaries::Binaries;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Waits for the end of its stdin, then stops the server and removes its folder. Signals of the terminal are for the
/// process that started it, whose end is the one thing that counts. A server that is only just starting ends by itself
/// within a minute, because PostgreSQL looks for its own lock file.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
read -r _
"$1" stop --silent --mode immediate --pgdata "$2/data"
rm -rf "$2"
"#;

/// A small process that outlives ours, also when ours is killed, and then cleans up behind it.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    /// Closed by [`Drop`], or by the system when this process ends in whatever way.
    stdin: Option<ChildStdin>,
}

impl Keeper {
    /// Watches over the server in `folder`, whether it runs or not.
    pub fn start(folder: &Path, binaries: &Binaries, account: Account) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "keeper"]).arg(binaries.path("pg_ctl")).arg(folder);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = account.runs(&mut command).spawn().context("cannot start `sh`")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Nobody is left who could be told that a private server was not stopped.
        let _ = self.child.wait();
    }
}
