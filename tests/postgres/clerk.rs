//! [`Clerk`]: the process that is killed and stopped.

use super::ground::until;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A process of the program `clerk`, and what it wrote down in this life and the ones before.
pub struct Clerk {
    child: Child,
    journal: PathBuf,
}

/// A line of a journal, in words.
pub type Line = Vec<String>;

impl Clerk {
    /// Starts one that appends number after number to the stream of `writer`.
    pub fn append(url: &str, journal: &Path, writer: &str) -> Self {
        Self::start(journal, &["append", url, &journal.display().to_string(), writer])
    }

    /// Starts one that runs a projector, but commits no batch while `gate` exists.
    pub fn project(url: &str, journal: &Path, gate: &Path, lease_ms: u64, batch_events_max: u64) -> Self {
        let (said, gate) = (journal.display().to_string(), gate.display().to_string());
        let numbers = [lease_ms.to_string(), batch_events_max.to_string()];
        Self::start(journal, &["project", url, &said, &gate, &numbers[0], &numbers[1]])
    }

    fn start(journal: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clerk"));
        let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Self { child: child.expect("the clerk starts"), journal: journal.to_owned() }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a child can be sent a signal");
    }

    /// Kills it with SIGKILL, stopped or not.
    pub fn kill(&mut self) {
        assert!(self.child.try_wait().expect("it can be asked").is_none(), "it ended by itself");
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Waits for its own end.
    pub async fn end(&mut self) -> ExitStatus {
        let mut status = None;
        until("the clerk has ended", async || {
            status = self.child.try_wait().expect("it can be asked");
            status.is_some()
        })
        .await;
        status.expect("it was waited for")
    }

    /// The whole lines of its journal.
    pub fn lines(&self) -> Vec<Line> {
        lines(&self.journal)
    }

    /// How many lines begin with this word.
    pub fn count(&self, word: &str) -> usize {
        self.lines().iter().filter(|line| line[0] == word).count()
    }

    /// Waits until so many lines with this word have come.
    pub async fn until(&mut self, word: &str, count: usize) {
        until(&format!("the clerk has written {count} times `{word}`"), async || {
            assert!(self.child.try_wait().expect("it can be asked").is_none(), "it ended by itself");
            self.count(word) >= count
        })
        .await;
    }
}

impl Drop for Clerk {
    /// A test that fails leaves no process behind.
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole lines of a journal.
pub fn lines(journal: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The number at this place of a line.
pub fn number(line: &Line, place: usize) -> u64 {
    line[place].parse().unwrap_or_else(|error| panic!("{line:?}: {error}"))
}
