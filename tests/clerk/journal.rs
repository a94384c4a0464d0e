//! [`Journal`]: lines that outlive this process, however it ends.

use anyhow::{Context, Result};
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

/// A file of lines, each written at once.
#[derive(Debug)]
pub struct Journal(File);

impl Journal {
    /// Opens it, or makes it.
    pub fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(file.with_context(|| format!("cannot open {}", path.display()))?))
    }

    /// Adds a line. The system has it when this returns: only a crash of the machine could lose it.
    pub fn say(&self, line: impl Display) -> Result<()> {
        (&self.0).write_all(format!("{line}\n").as_bytes()).context("cannot write the journal")
    }
}
