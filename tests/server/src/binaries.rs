//! [`Binaries`].

use crate::install;
use crate::process::run;
use anyhow::{Context, Result, bail};
use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the folder of PostgreSQL's programs where they are not found by themselves.
const VARIABLE: &str = "ES_TEST_POSTGRES_BIN";

/// The oldest version we support.
const VERSION_MIN: u32 = 15;

/// What a server cannot be started without.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where packages put versions side by side; `*` is the version.
const PATTERNS: [&str; 6] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The folder of PostgreSQL's programs: `pg_ctl`, `psql`, `pg_dump`, …
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    version: u32,
}

impl Binaries {
    /// The newest that is installed; on Debian and its like it is installed if none is.
    ///
    /// # Errors
    /// When there is none and it cannot be installed; the error says what to do.
    pub fn find_or_install() -> Result<Self> {
        if let Some(folder) = chosen() {
            return Self::in_folder(&folder).with_context(|| format!("{VARIABLE} is {}", folder.display()));
        }
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        install::postgresql().with_context(advice)?;
        Self::find().with_context(|| format!("what was installed is not usable\n{}", advice()))
    }

    /// The folder `ES_TEST_POSTGRES_BIN`, or else what `PATH` leads to, or else the newest in the usual places.
    pub fn find() -> Option<Self> {
        if let Some(folder) = chosen() {
            return Self::in_folder(&folder).ok();
        }
        on_path().into_iter().chain(usual()).find_map(|folder| Self::in_folder(&folder).ok())
    }

    fn in_folder(folder: &Path) -> Result<Self> {
        if let Some(missing) = NEEDED.iter().find(|name| !folder.join(name).is_file()) {
            bail!("expected `{missing}` in {}", folder.display());
        }
        let said = run(Command::new(folder.join("postgres")).arg("--version"))?;
        let version = major(&said).with_context(|| format!("expected a version, found `{}`", said.trim()))?;
        if version < VERSION_MIN {
            bail!("expected PostgreSQL {VERSION_MIN} or newer, found {version} in {}", folder.display());
        }
        Ok(Self { folder: folder.to_owned(), version })
    }

    /// The path of a program by its name.
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// The folder of the programs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first number of the version: 15.
    pub fn version(&self) -> u32 {
        self.version
    }
}

fn chosen() -> Option<PathBuf> {
    env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// What `pg_config` names, then the folders of `PATH` themselves.
fn on_path() -> Vec<PathBuf> {
    let said = run(Command::new("pg_config").arg("--bindir")).ok();
    let named = said.map(|folder| PathBuf::from(folder.trim()));
    let path = env::var_os("PATH").unwrap_or_default();
    named.into_iter().chain(env::split_paths(&path)).collect()
}

/// The folders of [`PATTERNS`] that exist, the newest version of each first.
fn usual() -> Vec<PathBuf> {
    PATTERNS.iter().flat_map(|pattern| matching(pattern)).collect()
}

fn matching(pattern: &str) -> Vec<PathBuf> {
    let Some((front, rest)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let (parent, start) = front.rsplit_once('/').unwrap_or(("", front));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut versions: Vec<u32> = names.filter_map(|name| name.strip_prefix(start)?.parse().ok()).collect();
    versions.sort_by_key(|version| Reverse(*version));
    versions.iter().map(|version| PathBuf::from(format!("{front}{version}{rest}"))).collect()
}

/// `postgres (PostgreSQL) 15.14 (Debian …)` is 15, `postgres (PostgreSQL) 19beta1` is 19.
fn major(said: &str) -> Option<u32> {
    let number = said.split_once("(PostgreSQL) ")?.1;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

fn advice() -> String {
    format!(
        "tests need PostgreSQL {VERSION_MIN} or newer, and it was not found. Do one of these:\n  \
         - install it: `apt-get install postgresql`, `dnf install postgresql-server`, \
         `brew install postgresql@17`\n  \
         - set {VARIABLE} to the folder of its programs (`initdb`, `pg_ctl`, `postgres`)\n  \
         - set ES_TEST_DATABASE_URL to a server whose user may create databases"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_a_version_counts() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("postgres"), None);
    }

    #[test]
    fn the_newest_version_comes_first_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pg-9", "pg-17", "pg-16", "pg-old", "other"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let root = folder.path().display();
        let found = matching(&format!("{root}/pg-*/bin"));
        let wanted = ["pg-17", "pg-16", "pg-9"].map(|name| PathBuf::from(format!("{root}/{name}/bin")));
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_folder_without_the_programs_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let error = Binaries::in_folder(folder.path()).unwrap_err();
        assert!(error.to_string().contains("expected `initdb`"), "{error}");
    }
}
