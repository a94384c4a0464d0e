//! [`SqliteProjection`]: a read model in tables of its own, written by its own SQL.

use es_core::{Event, GenerationState, Grant, KeyError, OnFailure, Recorded, StoreError};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A read model in SQL tables, each event of which is applied exactly once.
///
/// It says which statements an event leads to; the store runs them in the transaction that moves the checkpoint.
/// So it has no access to the database and awaits nothing, and a rebuild gives what live processing gave.
///
/// A generation that is building has tables of its own, whose names [`Tables`] knows. When it takes the place of the
/// live one, the live tables are dropped and the new ones get their names: give indexes names made of the table's
/// physical name, and let no foreign key point at these tables. Two versions that live side by side need tables of
/// different names.
///
/// ```
/// use es_core::{Event, KeyError, Recorded};
/// use es_sqlite::{SqliteProjection, Statements, Tables};
/// # use std::marker::PhantomData;
/// struct Visits<E>(PhantomData<fn() -> E>);
///
/// impl<E: Event> SqliteProjection for Visits<E> {
///     const NAME: &'static str = "visits";
///     const TABLES: &'static [&'static str] = &["visits"];
///     type Event = E;
///
///     fn create(tables: &Tables) -> Vec<String> {
///         vec![format!("CREATE TABLE {} (stream TEXT PRIMARY KEY, events INTEGER NOT NULL)", tables.name("visits"))]
///     }
///
///     fn project(event: &Recorded<E>, tables: &Tables, statements: &mut Statements) -> Result<(), KeyError> {
///         let visits = tables.name("visits");
///         statements
///             .push(format!("INSERT INTO {visits} VALUES (?1, 1) ON CONFLICT DO UPDATE SET events = events + 1"))
///             .bind(event.stream.as_str());
///         Ok(())
///     }
/// }
/// ```
pub trait SqliteProjection: Send + Sync + 'static {
    /// Its name for ever: lower case letters, digits, `_` and `.`.
    const NAME: &'static str;
    /// Its version: another one is built from the beginning of the log.
    const VERSION: u32 = 1;
    /// What becomes of an event that it cannot take: that cannot be decoded, that [`project`](Self::project) refuses or
    /// panics at or does not come back from, or whose values the database refuses: a constraint, a type, a range. Where its key is parked, that is its
    /// stream. A table that is missing, an error in a statement or a disk that is full halts the projection in any case, or is
    /// tried again.
    const ON_FAILURE: OnFailure = OnFailure::Halt;
    /// How long [`project`](Self::project) may be busy with one event.
    const TIME_LIMIT: Duration = Duration::from_secs(30);
    /// The names of its live tables: lower case letters, digits and `_`.
    const TABLES: &'static [&'static str];
    /// The events it reads.
    type Event: Event;

    /// The statements that make its tables, under their physical names.
    fn create(tables: &Tables) -> Vec<String>;

    /// Adds the statements that `event` leads to.
    ///
    /// # Errors
    /// [`KeyError`] when the event does not say what it should: see [`ON_FAILURE`](Self::ON_FAILURE).
    fn project(
        event: &Recorded<Self::Event>,
        tables: &Tables,
        statements: &mut Statements,
    ) -> Result<(), KeyError>;
}

/// The physical names of a generation's tables: those of the live one are as declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    suffix: String,
}

/// No table of an application may be called as one of the store's own.
const OWN: &[&str] = &[
    "checkpoints",
    "commands",
    "dead_letters",
    "discarded_letters",
    "dropped_generations",
    "es_migrations",
    "events",
    "events_json",
    "generations",
    "projection_tables",
    "snapshots",
    "store",
    "views",
];

impl Tables {
    /// The tables of the generation that was granted.
    pub fn of(grant: &Grant) -> Self {
        match grant.lease.of {
            GenerationState::Building => Self { suffix: format!("__g{}", grant.generation.value()) },
            GenerationState::Live | GenerationState::Kept => Self { suffix: String::new() },
        }
    }

    /// What the table declared as `table` is called in this generation.
    pub fn name(&self, table: &str) -> String {
        format!("{table}{}", self.suffix)
    }

    /// Refuses names that leave their alphabet, which is what makes it safe to write them into SQL.
    pub(crate) fn check(declared: &[&str]) -> Result<(), StoreError> {
        let is_plain = |name: &str| name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let wrong = declared.iter().find(|name| {
            !is_plain(name)
                || !name.starts_with(|first: char| first.is_ascii_lowercase())
                || name.starts_with("sqlite_")
                || OWN.contains(name)
        });
        match wrong {
            Some(name) => Err(StoreError::Unusable(format!(
                "a projection's table cannot be called `{}`: use a name of a to z, 0 to 9 and `_` that the store has not",
                name.escape_debug()
            ))),
            None => Ok(()),
        }
    }
}

/// The statements that a batch of events leads to, in order.
#[derive(Debug, Clone, Default)]
pub struct Statements {
    all: Vec<Statement>,
}

/// One statement and the values of its parameters.
#[derive(Clone)]
pub struct Statement {
    pub(crate) sql: Cow<'static, str>,
    pub(crate) values: Vec<SqlValue>,
}

impl Statements {
    /// Adds one statement that changes rows. Values belong into parameters (`?1`, `?2`, …), never into the text,
    /// which should be the same for many events: it is compiled once.
    pub fn push(&mut self, sql: impl Into<Cow<'static, str>>) -> &mut Statement {
        self.all.push(Statement { sql: sql.into(), values: Vec::new() });
        self.all.last_mut().expect("it was just pushed")
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn into_vec(self) -> Vec<Statement> {
        self.all
    }
}

impl Statement {
    /// Gives the next parameter its value.
    pub fn bind(&mut self, value: impl Into<SqlValue>) -> &mut Self {
        self.values.push(value.into());
        self
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").field("sql", &self.sql).field("values", &self.values.len()).finish()
    }
}

/// A value that SQLite keeps as it is. A 64-bit number without a sign has no place there: make it text, or an `i64`.
#[derive(Clone, PartialEq)]
pub enum SqlValue {
    /// `NULL`.
    Null,
    /// `INTEGER`.
    Integer(i64),
    /// `REAL`.
    Real(f64),
    /// `TEXT`.
    Text(String),
    /// `BLOB`.
    Blob(Vec<u8>),
}

impl fmt::Debug for SqlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer(_)",
            Self::Real(_) => "Real(_)",
            Self::Text(_) => "Text(_)",
            Self::Blob(_) => "Blob(_)",
        })
    }
}

macro_rules! values_from {
    ($($variant:ident: $($from:ty),+;)+) => {$($(
        impl From<$from> for SqlValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )+)+};
}

values_from! {
    Integer: i64, i32, i16, i8, u32, u16, u8, bool;
    Real: f64, f32;
    Text: String, &str;
    Blob: Vec<u8>, &[u8];
}

impl<T: Into<SqlValue>> From<Option<T>> for SqlValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
