//! What SQLite's errors mean to a caller.

use es_core::StoreError;
use sqlx::migrate::MigrateError;
use std::fmt;
use std::sync::Arc;

/// What kind of failure an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another connection holds the lock: nothing is wrong.
    Busy,
    /// The disk is full.
    Full,
    /// The file is damaged, or no database.
    Corrupt,
    /// The file cannot be opened or written by this process.
    NoAccess,
    /// The connection's own thread is gone.
    ThreadGone,
    /// A value was refused: by a constraint, a trigger, a type, or because it is too big.
    Refused,
    /// Anything else.
    Other,
}

/// SQLite's extended result code for a file that ends too early.
const IOERR_SHORT_READ: i32 = 522;
/// SQLite's extended result code for what a trigger raises, whose text may hold values.
const CONSTRAINT_TRIGGER: i32 = 1811;
/// What SQLite says of values with no result code of its own.
const REFUSED_VALUES: [&str; 2] = ["integer overflow", "malformed JSON"];

impl Failure {
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::WorkerCrashed => return Self::ThreadGone,
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => return Self::Corrupt,
            sqlx::Error::Database(error) if REFUSED_VALUES.contains(&error.message()) => {
                return Self::Refused;
            }
            _ => (),
        }
        // The low byte is the primary result code.
        match result_code(error).map(|code| (code, code & 0xFF)) {
            Some((_, 5 | 6 | 15)) => Self::Busy,
            Some((_, 13)) => Self::Full,
            Some((_, 11 | 26) | (IOERR_SHORT_READ, _)) => Self::Corrupt,
            Some((_, 3 | 8 | 14 | 23)) => Self::NoAccess,
            Some((_, 18..=20)) => Self::Refused,
            _ => Self::Other,
        }
    }
}

/// SQLite's extended result code.
fn result_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// How SQLite refused a value, without the value.
pub(crate) fn refusal(error: &sqlx::Error) -> String {
    match (result_code(error), error.as_database_error()) {
        (Some(CONSTRAINT_TRIGGER), _) | (_, None) => "a trigger refused it".to_owned(),
        (_, Some(error)) => error.message().to_owned(),
    }
}

/// The error of a call that changed nothing.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    store_error_shared(Arc::new(error))
}

/// The same for an error that several callers get.
pub(crate) fn store_error_shared(error: Arc<sqlx::Error>) -> StoreError {
    let unavailable = |reason: &'static str, error| StoreError::Unavailable {
        reason: reason.into(),
        source: Some(Box::new(SharedError(error))),
    };
    match Failure::of(&error) {
        Failure::Busy => unavailable("another connection held the write lock for too long", error),
        Failure::Full => unavailable("the disk is full", error),
        Failure::ThreadGone => unavailable("the connection was lost", error),
        Failure::Corrupt => StoreError::Corrupt(error.to_string()),
        Failure::NoAccess => StoreError::Unusable(error.to_string()),
        Failure::Refused | Failure::Other => StoreError::Backend(Box::new(SharedError(error))),
    }
}

/// The error of a call whose commit failed: it may have been stored.
pub(crate) fn outcome_unknown(error: Arc<sqlx::Error>) -> StoreError {
    StoreError::OutcomeUnknown { source: Box::new(SharedError(error)) }
}

/// The error of migrations that could not be run.
pub(crate) fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        MigrateError::VersionMissing(found) => StoreError::Unusable(format!(
            "its schema has migration {found}, which this program does not know: use a newer program"
        )),
        error => StoreError::Unusable(error.to_string()),
    }
}

/// The error of a stored value that this crate cannot have written.
pub(crate) fn corrupt(what: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// The error of a store that was closed.
pub(crate) fn closed() -> StoreError {
    StoreError::Unusable("it was closed".into())
}

/// One error for several callers.
#[derive(Debug)]
struct SharedError(Arc<sqlx::Error>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
