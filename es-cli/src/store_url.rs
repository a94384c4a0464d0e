//! [`StoreUrl`].

use crate::text::escaped;
use crate::{Failure, FailureKind};
use es_core::Store;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// What this build can open, for people who named something else.
const SUPPORTED: &[&str] = &[
    #[cfg(feature = "sqlite")]
    "`sqlite:PATH`",
    #[cfg(feature = "sqlite")]
    "`sqlite::memory:`",
    #[cfg(feature = "postgres")]
    "`postgres://…`",
    #[cfg(feature = "memory")]
    "`memory`",
];

/// Where a store is: `sqlite:PATH`, `sqlite::memory:`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` or `memory`, as far
/// as the features `sqlite`, `postgres` and `memory` of this crate are on. A store on PostgreSQL lives in the schema `es`
/// unless the URL has the parameter `schema`.
///
/// A URL may hold a password, so neither `Display` nor `Debug` nor an error shows more of it than host and database,
/// and of an unknown one than its scheme.
///
/// ```
/// # use es_cli::StoreUrl;
/// assert_eq!(StoreUrl::from("sqlite:loans.db").to_string(), "sqlite:loans.db");
/// assert_eq!(StoreUrl::from("postgres://ada:secret@db/bank?sslmode=require").to_string(), "postgres://db/bank");
/// assert_eq!(StoreUrl::from("mysql://ada:secret@db/bank").to_string(), "mysql:…");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    text: String,
}

/// What a URL means.
enum Place<'a> {
    Memory,
    SqliteMemory,
    SqliteFile(&'a str),
    /// With what may be shown of it.
    Postgres(Option<&'a str>),
    Unknown(Option<&'a str>),
}

impl StoreUrl {
    /// Opens the store; a file that does not exist is made.
    ///
    /// # Errors
    /// [`Failure`]: of usage where this build supports no such URL, and otherwise what the store said.
    pub async fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self.place() {
            #[cfg(feature = "memory")]
            Place::Memory => Ok(Arc::new(es_memory::MemoryStore::default())),
            #[cfg(feature = "sqlite")]
            Place::SqliteMemory => self.opened(es_sqlite::SqliteStore::in_memory().await),
            #[cfg(feature = "sqlite")]
            Place::SqliteFile(path) => self.opened(es_sqlite::SqliteStore::open(self.path(path)?).await),
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => self.opened(self.postgres()?.open().await),
            #[allow(
                unreachable_patterns,
                reason = "with all features every known place has an arm of its own"
            )]
            Place::Memory | Place::SqliteMemory | Place::SqliteFile(_) | Place::Postgres(_) => {
                Err(self.unsupported())
            }
            Place::Unknown(_) => Err(self.unsupported()),
        }
    }

    /// The same, but a file that does not exist or holds no store is refused: who only looks should not find an empty store.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`FailureKind::NotFound`] when there is no such file.
    pub async fn open_existing(&self) -> Result<Arc<dyn Store>, Failure> {
        match self.place() {
            Place::SqliteFile(path)
                if !path.is_empty() && !path.contains('?') && !Path::new(path).exists() =>
            {
                let message = format!("the store `{self}` does not exist");
                Err(Failure::new(FailureKind::NotFound, message)
                    .with_hint("check the path; the application that appends first makes the file"))
            }
            #[cfg(feature = "sqlite")]
            Place::SqliteFile(path) => {
                let options = es_sqlite::SqliteOptions::new(self.path(path)?).existing();
                self.opened(options.open().await)
            }
            // Nothing is migrated, either: who only looks changes nothing.
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => self.opened(self.postgres()?.without_migrations().open().await),
            _ => self.open().await,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How a store on PostgreSQL is opened.
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(&self) -> Result<es_postgres::PostgresOptions, Failure> {
        if !matches!(self.place(), Place::Postgres(_)) {
            let message = format!("the store `{self}` is not on PostgreSQL");
            return Err(Failure::new(FailureKind::Usage, message)
                .with_hint("other stores bring their schema up to date when they are opened"));
        }
        let options = es_postgres::PostgresOptions::new(&self.text);
        options.map_err(|error| Failure::from(error).within(format!("the store URL `{self}` is of no use")))
    }

    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn opened(&self, opened: Result<impl Store, es_core::StoreError>) -> Result<Arc<dyn Store>, Failure> {
        match opened {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(Failure::from(error).within(format!("the store `{self}` cannot be opened"))),
        }
    }

    #[cfg(feature = "sqlite")]
    fn path<'a>(&self, path: &'a str) -> Result<&'a str, Failure> {
        if path.is_empty() {
            return Err(Failure::new(FailureKind::Usage, format!("the store URL `{self}` names no file"))
                .with_hint("write the path behind it: sqlite:PATH"));
        }
        if path.contains('?') {
            let message = format!("the store URL `{self}` has a `?`, but there are no options for SQLite");
            return Err(Failure::new(FailureKind::Usage, message).with_hint("write just sqlite:PATH"));
        }
        Ok(path)
    }

    fn unsupported(&self) -> Failure {
        let message = match self.place() {
            Place::Unknown(None) => "the store URL has no scheme".into(),
            _ => format!("the store URL `{self}` is of a kind that this program does not support"),
        };
        let supported =
            if SUPPORTED.is_empty() { "none at all".into() } else { SUPPORTED.join(", ").replace('`', "") };
        Failure::new(FailureKind::Usage, message).with_hint(format!("this program supports: {supported}"))
    }

    fn place(&self) -> Place<'_> {
        match self.text.split_once(':') {
            _ if self.text == "memory" => Place::Memory,
            Some(("sqlite", ":memory:")) => Place::SqliteMemory,
            Some(("sqlite", path)) => Place::SqliteFile(path.strip_prefix("//").unwrap_or(path)),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Place::Postgres(host_and_database(&rest[2..]))
            }
            Some((scheme, rest)) if rest.starts_with("//") && is_scheme(scheme) => {
                Place::Unknown(Some(scheme))
            }
            _ => Place::Unknown(None),
        }
    }
}

/// What stands behind the password and before the parameters; nothing where that cannot be told for sure.
fn host_and_database(rest: &str) -> Option<&str> {
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    match place.rsplit_once('@') {
        Some((_, behind)) => Some(behind),
        None if parameters.contains('@') || place.contains('%') => None,
        None => Some(place),
    }
}

fn is_scheme(text: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_inner)
}

impl From<&str> for StoreUrl {
    fn from(url: &str) -> Self {
        Self { text: url.to_owned() }
    }
}

impl From<String> for StoreUrl {
    fn from(text: String) -> Self {
        Self { text }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place() {
            Place::Memory => f.write_str("memory"),
            Place::SqliteMemory => f.write_str("sqlite::memory:"),
            Place::SqliteFile(path) => {
                // Options behind a `?` may hold a key.
                let (path, options) = path.split_once('?').map_or((path, ""), |(path, _)| (path, "?…"));
                write!(f, "sqlite:{}{options}", escaped(path))
            }
            Place::Postgres(Some(place)) => write!(f, "postgres://{}", escaped(place)),
            Place::Postgres(None) => f.write_str("postgres:…"),
            Place::Unknown(Some(scheme)) => write!(f, "{scheme}:…"),
            Place::Unknown(None) => f.write_str("…"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}
