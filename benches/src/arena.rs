//! [`Arena`]: the server that all share, and a fresh copy of a filled store for every round.

use crate::case::Fill;
use crate::entrant::{Entrant, Keeps, Program};
use anyhow::{Context, Result, bail};
use contender::{Mode, Place};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use test_server::{Server, Settings};

/// The server, and the stores that were filled.
pub(crate) struct Arena {
    server: Server,
    folder: TempDir,
    /// The databases or folders that are copied.
    filled: HashMap<(&'static str, Mode, Fill), String>,
    /// How many stores were made.
    copies: usize,
}

/// A store of a round, which is removed with it.
pub(crate) struct Copy {
    pub(crate) place: Place,
    database: Option<String>,
}

impl Arena {
    /// Starts the server, durable as one in earnest is.
    pub(crate) fn open() -> Result<Self> {
        let settings = Settings::new().durable().with("shared_buffers", "1GB").with("max_wal_size", "4GB");
        let server = Server::start(settings)?;
        let folder = tempfile::Builder::new().prefix("es-bench-").tempdir()?;
        Ok(Self { server, folder, filled: HashMap::new(), copies: 0 })
    }

    /// A copy of the entrant's store with so much in it; `make` fills the first one, in the mode that it is given.
    pub(crate) fn copy(
        &mut self,
        entrant: &Entrant,
        fill: Fill,
        make: impl FnOnce(Place, Mode) -> Result<()>,
    ) -> Result<Copy> {
        let program = entrant.program;
        // Snapshots are made by those who append.
        let mode = if entrant.mode == Mode::Snapshots { Mode::Snapshots } else { Mode::Plain };
        let key = (program.binary, mode, fill);
        if !self.filled.contains_key(&key) {
            self.copies += 1;
            let name = format!("filled_{}", self.copies);
            let place = self.place(program, &name)?;
            if program.keeps == Keeps::Postgres {
                self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
            }
            make(place, mode)?;
            if program.keeps == Keeps::Postgres {
                self.sql(&name, "VACUUM (ANALYZE)")?;
            }
            self.filled.insert(key, name);
        }
        self.copies += 1;
        let (filled, name) = (&self.filled[&key], format!("copy_{}", self.copies));
        let place = self.place(program, &name)?;
        match program.keeps {
            Keeps::Postgres => {
                let copy = format!("CREATE DATABASE {name} TEMPLATE {filled} STRATEGY file_copy");
                self.sql("postgres", &copy)?;
            }
            Keeps::Files => copy_files(&self.folder.path().join(filled), &place.folder)?,
        }
        let database = (program.keeps == Keeps::Postgres).then_some(name);
        Ok(Copy { place, database })
    }

    /// Removes a copy.
    pub(crate) fn remove(&self, copy: Copy) -> Result<()> {
        if let Some(database) = copy.database {
            self.sql("postgres", &format!("DROP DATABASE {database} WITH (FORCE)"))?;
        }
        std::fs::remove_dir_all(&copy.place.folder).context("cannot remove a copy")
    }

    fn place(&self, program: &Program, name: &str) -> Result<Place> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        let is_postgres = program.keeps == Keeps::Postgres;
        let url = if is_postgres { self.server.url(name) } else { String::new() };
        Ok(Place { url, folder, server: is_postgres.then(|| self.server.postmaster_pid()) })
    }

    fn sql(&self, database: &str, text: &str) -> Result<()> {
        let mut command = self.server.command("psql");
        let said =
            command.args(["--quiet", "--no-psqlrc", "--dbname", database, "--command", text]).output()?;
        if !said.status.success() {
            bail!("`{text}` failed: {}", String::from_utf8_lossy(&said.stderr).trim());
        }
        Ok(())
    }
}

fn copy_files(from: &Path, to: &PathBuf) -> Result<()> {
    let status = Command::new("cp").arg("-R").arg(from.join(".")).arg(to).status()?;
    if !status.success() {
        bail!("cannot copy {}", from.display());
    }
    Ok(())
}
