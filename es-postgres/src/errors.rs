//! What PostgreSQL's errors mean to a caller.

use es_core::{AppendError, CommitError, StoreError};
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a statement gave nothing, and whether it may have had its effect all the same.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    cause: Cause,
    may_have_run: bool,
}

#[derive(Debug, Clone)]
enum Cause {
    Sql(SharedError),
    /// The server did not answer in this time.
    Silent(Duration),
    /// No connection was free in this time.
    Exhausted(Duration),
    Closed,
    /// What was answered makes no sense.
    Unreadable(String),
}

/// What kind of failure an error of the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing is wrong: the same call may succeed later.
    Transient(&'static str),
    /// This program may not, or not with this database.
    Unusable,
    /// What is stored is damaged.
    Corrupt,
    Other,
}

impl Failed {
    /// A failure before the statement was sent.
    pub(crate) fn before(error: sqlx::Error) -> Self {
        let error = match error {
            // A certificate that is not to be trusted, which the driver takes for a failure of the network.
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                sqlx::Error::Tls(Box::new(error))
            }
            error => error,
        };
        Self { cause: Cause::Sql(SharedError(Arc::new(error))), may_have_run: false }
    }

    /// A failure of a statement that was sent. An error that the server reports has undone the statement; if the
    /// connection or the server's process ended, nobody knows.
    pub(crate) fn under_way(error: sqlx::Error) -> Self {
        let may_have_run = match &error {
            sqlx::Error::Database(error) => is_fatal(error.try_downcast_ref()),
            sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => false,
            _ => true,
        };
        Self { cause: Cause::Sql(SharedError(Arc::new(error))), may_have_run }
    }

    pub(crate) fn silent(waited: Duration) -> Self {
        Self { cause: Cause::Silent(waited), may_have_run: true }
    }

    /// The server could not be reached in this time; nothing was sent.
    pub(crate) fn unreachable(waited: Duration) -> Self {
        Self { cause: Cause::Silent(waited), may_have_run: false }
    }

    pub(crate) fn exhausted(waited: Duration) -> Self {
        Self { cause: Cause::Exhausted(waited), may_have_run: false }
    }

    pub(crate) fn closed() -> Self {
        Self { cause: Cause::Closed, may_have_run: false }
    }

    /// The statement had its effect, but its answer cannot be understood.
    pub(crate) fn unreadable(error: StoreError) -> Self {
        Self { cause: Cause::Unreadable(error.to_string()), may_have_run: true }
    }

    /// Whether the connection can be used for another statement.
    pub(crate) fn left_the_connection_usable(&self) -> bool {
        match &self.cause {
            Cause::Sql(error) => match &*error.0 {
                sqlx::Error::Database(error) => {
                    !is_fatal(error.try_downcast_ref()) && error.code().as_deref() != Some(READ_ONLY)
                }
                sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => true,
                _ => false,
            },
            Cause::Silent(_) | Cause::Unreadable(_) => false,
            Cause::Exhausted(_) | Cause::Closed => true,
        }
    }

    /// Whether the connection was lost.
    pub(crate) fn lost_the_connection(&self) -> bool {
        self.may_have_run || !self.left_the_connection_usable()
    }

    /// The SQLSTATE of an error that the server reported.
    pub(crate) fn code(&self) -> Option<Cow<'_, str>> {
        match &self.cause {
            Cause::Sql(error) => error.0.as_database_error()?.code(),
            _ => None,
        }
    }

    /// Whether a unique key refused a row: another writer was first.
    pub(crate) fn is_lost_race(&self) -> bool {
        self.code().as_deref() == Some(UNIQUE_VIOLATION)
    }

    /// Whether other transactions were in the way, so that the same statement may succeed at once.
    pub(crate) fn is_collision(&self) -> bool {
        matches!(self.code().as_deref(), Some("40001" | "40P01"))
    }

    /// The same failure of something that has no effect.
    pub(crate) fn of_nothing(self) -> Self {
        Self { may_have_run: false, ..self }
    }

    /// Whether a lock was not to be had in time.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.code().as_deref() == Some("55P03")
    }

    /// Whether the server had too much to do: sending the same again at once makes it worse.
    pub(crate) fn is_overload(&self) -> bool {
        self.code().is_some_and(|code| code == "57014" || code.starts_with("53"))
    }

    /// Whether nothing was written because of one call of a statement, and the others may succeed without it.
    pub(crate) fn blames_a_call(&self) -> bool {
        self.left_the_connection_usable() && !self.is_overload()
    }

    /// Whether the server stumbled over what is stored.
    pub(crate) fn found_damage(&self) -> bool {
        !self.lost_the_connection() && self.code().is_some_and(|code| code.starts_with("XX"))
    }

    /// Whether no connection was free in time.
    pub(crate) fn is_exhausted(&self) -> bool {
        matches!(self.cause, Cause::Exhausted(_))
    }

    /// The constraint that refused a row.
    pub(crate) fn constraint(&self) -> Option<&str> {
        match &self.cause {
            Cause::Sql(error) => error.0.as_database_error()?.constraint(),
            _ => None,
        }
    }

    /// Whether the server refused what was written because of its values: a cardinality, a data exception, a constraint, or
    /// what a trigger raises.
    pub(crate) fn refused_values(&self) -> bool {
        !self.lost_the_connection()
            && self.code().is_some_and(|code| REFUSED_VALUES.iter().any(|class| code.starts_with(class)))
    }

    /// How the server refused what was written, without the values that its message may repeat.
    pub(crate) fn refusal(&self) -> String {
        let code = self.code().unwrap_or_default();
        let constraint = self.constraint().map(|name| format!(", constraint `{name}`")).unwrap_or_default();
        format!("the server refused it with SQLSTATE {code}{constraint}")
    }

    /// The error of a call that writes: if nobody knows its outcome, it says so.
    pub(crate) fn of_write(self) -> StoreError {
        if !self.may_have_run {
            return self.into();
        }
        match self.cause {
            Cause::Sql(error) => StoreError::OutcomeUnknown { source: Box::new(error) },
            Cause::Silent(waited) => StoreError::OutcomeUnknown { source: silence(waited).into() },
            Cause::Exhausted(_) | Cause::Closed | Cause::Unreadable(_) => self.into(),
        }
    }
}

/// The error of a call that reads, or that has certainly changed nothing.
impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        let unavailable = |reason: Cow<'static, str>| Self::Unavailable { reason, source: None };
        match failed.cause {
            Cause::Sql(error) if !failed.may_have_run && matches!(&*error.0, sqlx::Error::Io(_)) => {
                Self::Unavailable {
                    reason: "the server cannot be reached".into(),
                    source: Some(Box::new(error)),
                }
            }
            Cause::Sql(error) => store_error(error),
            Cause::Silent(waited) => unavailable(silence(waited).into()),
            Cause::Exhausted(waited) => {
                unavailable(format!("all connections were in use for {waited:?}: allow more of them").into())
            }
            Cause::Closed => Self::Unusable("it was closed".into()),
            Cause::Unreadable(what) => Self::Corrupt(what),
        }
    }
}

/// The failure of a transaction as a whole, whose outcome may be unknown.
impl From<Failed> for CommitError {
    fn from(failed: Failed) -> Self {
        failed.of_write().into()
    }
}

/// The same.
impl From<Failed> for AppendError {
    fn from(failed: Failed) -> Self {
        failed.of_write().into()
    }
}

/// Classes of SQLSTATEs.
const REFUSED_VALUES: [&str; 4] = ["21", "22", "23", "P0"];
const UNIQUE_VIOLATION: &str = "23505";
const READ_ONLY: &str = "25006";
pub(crate) const UNDEFINED_TABLE: &str = "42P01";

fn silence(waited: Duration) -> String {
    format!("the server did not answer within {waited:?}")
}

fn is_fatal(error: Option<&PgDatabaseError>) -> bool {
    // What is not known is assumed to be the worse.
    error.is_none_or(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

fn store_error(error: SharedError) -> StoreError {
    match kind(&error.0) {
        Kind::Transient(reason) => {
            StoreError::Unavailable { reason: reason.into(), source: Some(Box::new(error)) }
        }
        Kind::Unusable => StoreError::Unusable(error.to_string()),
        Kind::Corrupt => StoreError::Corrupt(error.to_string()),
        Kind::Other => StoreError::Backend(Box::new(error)),
    }
}

fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Kind::Transient("the connection was lost"),
        sqlx::Error::Tls(_) => Kind::Unusable,
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Kind::Corrupt,
        sqlx::Error::Database(error) => kind_of_code(&error.code().unwrap_or_default()),
        _ => Kind::Other,
    }
}

/// By the table of SQLSTATEs in PostgreSQL's documentation, appendix A.
fn kind_of_code(code: &str) -> Kind {
    match code {
        READ_ONLY => Kind::Transient("the server is read-only: is it a former primary?"),
        "40001" | "40P01" | "55P03" => Kind::Transient("other transactions were in the way"),
        "57014" => Kind::Transient("the statement took too long"),
        "53100" => Kind::Transient("the server's disk is full"),
        "53300" => Kind::Transient("the server has no connection left"),
        "25P02" => Kind::Other,
        "XX001" | "XX002" => Kind::Corrupt,
        // The horizon, at another isolation than READ COMMITTED; or no right to do this.
        "25001" | "42501" => Kind::Unusable,
        _ => match code.get(..2) {
            Some("08" | "57") => Kind::Transient("the connection was lost"),
            Some("53") => Kind::Transient("the server is out of resources"),
            Some("25") => Kind::Transient("the transaction was ended by the server"),
            // Wrong password, wrong database, wrong schema.
            Some("28" | "3D" | "3F") => Kind::Unusable,
            _ => Kind::Other,
        },
    }
}

/// The error of migrations that could not be run.
pub(crate) fn migrate_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Failed::before(error).into()
        }
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

/// One error for several callers. What the server says of a wrong value repeats it (class 22 of the SQLSTATEs), and what
/// it tells beside its message may hold a row's values: neither is shown.
#[derive(Clone)]
struct SharedError(Arc<sqlx::Error>);

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        match code.starts_with("22") {
            true => write!(f, "the server refused a value (SQLSTATE {code})"),
            false => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_database_error() {
            Some(error) => write!(f, "Database({:?}, \"{self}\")", error.code()),
            None => self.0.fmt(f),
        }
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // It has been said.
        if self.0.as_database_error().is_some() { None } else { self.0.source() }
    }
}
