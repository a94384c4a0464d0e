//! [`PostgresOptions`] and [`Pooler`].

use crate::inline::Inlines;
use crate::{PostgresStore, open, schema};
use es_core::{Limits, Projection, StoreError};
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What stands between this program and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pooler {
    /// Nothing, or a pooler that keeps a server connection for as long as ours is open.
    #[default]
    None,
    /// PgBouncer 1.21 or newer in transaction mode, with `max_prepared_statements` above 0. Settings are not sent when
    /// connecting, which it refuses: set time-outs, and `plan_cache_mode = force_generic_plan` for speed, by
    /// `ALTER ROLE … SET`. `LISTEN` needs a [direct URL](PostgresOptions::listen_url); without one, readers poll.
    Transaction,
    /// A transaction pooler that knows no prepared statements. Every statement is sent in a transaction of its own,
    /// which takes three round trips instead of one.
    LegacyTransaction,
}

/// How a store is opened.
///
/// ```no_run
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use es_postgres::PostgresOptions;
/// use std::time::Duration;
///
/// let store = PostgresOptions::new("postgres://bank@db.example.org/bank?sslmode=verify-full")?
///     .schema("bank_events")
///     .statement_timeout(Duration::from_secs(10))
///     .open()
///     .await?;
/// store.close().await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct PostgresOptions {
    pub(crate) connect: PgConnectOptions,
    pub(crate) listen: Option<PgConnectOptions>,
    pub(crate) pooler: Pooler,
    pub(crate) schema: String,
    pub(crate) migrations: Migrations,
    pub(crate) wake_ups: CrossProcess,
    pub(crate) limits: Limits,
    pub(crate) lanes: usize,
    pub(crate) connections: usize,
    pub(crate) wait_max: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) idle_in_transaction_timeout: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) inlines: Inlines,
}

/// Whether opening brings the schema up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Migrations {
    Run,
    Check,
}

/// Whether other processes are told that the log has grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrossProcess {
    Notify,
    Poll,
}

impl PostgresOptions {
    /// The store in the database that this URL names, such as `postgres://user:password@host:5432/database`. What it
    /// leaves out comes from the usual variables (`PGHOST`, `PGPASSWORD`, …) and from `~/.pgpass`. Its parameters are
    /// libpq's, `sslmode`, `sslrootcert`, `application_name` and others, and `schema`, which is as [`schema`](Self::schema).
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when it is no such URL. The error does not repeat it: it may hold a password.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        let (url, schema) = split_schema(url);
        Ok(Self {
            connect: parse(&url)?,
            listen: None,
            pooler: Pooler::None,
            schema: schema.unwrap_or(schema::DEFAULT).to_owned(),
            migrations: Migrations::Run,
            wake_ups: CrossProcess::Notify,
            limits: Limits::default(),
            lanes: 2,
            connections: 8,
            wait_max: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(30),
            transaction_timeout: Duration::from_secs(300),
            inlines: Inlines::default(),
        })
    }

    /// Sets what stands between this program and the server; [`Pooler::None`] unless told.
    pub fn pooler(self, pooler: Pooler) -> Self {
        Self { pooler, ..self }
    }

    /// Sets a URL that reaches the server directly, for `LISTEN`, which does not work through a transaction pooler.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn listen_url(self, url: &str) -> Result<Self, StoreError> {
        Ok(Self { listen: Some(parse(url)?), ..self })
    }

    /// Sets the schema that the store lives in; `es` unless told. Several stores may share a database. Lower case
    /// letters, digits and `_`, 48 bytes at most; checked by [`open`](Self::open).
    pub fn schema(self, name: &str) -> Self {
        Self { schema: name.to_owned(), ..self }
    }

    /// Does not bring the schema up to date: opening fails where it is not. For programs whose role may not.
    pub fn without_migrations(self) -> Self {
        Self { migrations: Migrations::Check, ..self }
    }

    /// Neither tells other processes that the log has grown nor listens to them: readers find out when they poll.
    pub fn without_notifications(self) -> Self {
        Self { wake_ups: CrossProcess::Poll, ..self }
    }

    /// Sets how much one append may hold.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how many connections append at the same time; 2 unless told, and always at least 1. A stream has one of
    /// them, and what waits for it is appended together. Up to 4 more are opened when other transactions do not let go of
    /// streams within the [lock time-out](Self::lock_timeout).
    pub fn lanes(self, lanes: usize) -> Self {
        Self { lanes, ..self }
    }

    /// Sets how many connections do everything but append; 8 unless told, and always at least 1.
    pub fn connections(self, connections_max: usize) -> Self {
        Self { connections: connections_max, ..self }
    }

    /// Sets how long a call waits for a free connection; 5 seconds unless told.
    pub fn wait_max(self, wait_max: Duration) -> Self {
        Self { wait_max, ..self }
    }

    /// Sets how long making a connection may take; 5 seconds unless told.
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// Sets how long the server works on one statement; 30 seconds unless told. A server that says nothing for a
    /// little longer is given up.
    pub fn statement_timeout(self, statement_timeout: Duration) -> Self {
        Self { statement_timeout, ..self }
    }

    /// Sets how long a transaction of several statements may take in all, for instance a batch of a
    /// [`PgProjection`](crate::PgProjection); 5 minutes unless told. One that takes longer is given up and rolled back:
    /// it may be that the server has vanished. Comparing the tables of a rebuild is not limited.
    pub fn transaction_timeout(self, transaction_timeout: Duration) -> Self {
        Self { transaction_timeout, ..self }
    }

    /// Sets how long a statement waits for a lock; 5 seconds unless told.
    pub fn lock_timeout(self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self }
    }

    /// Sets how long one of our transactions may do nothing before the server ends it, and with it what it holds back;
    /// 30 seconds unless told. [`append_in`](PostgresStore::append_in) sets it for the transaction it is given.
    pub fn idle_in_transaction_timeout(self, idle_in_transaction_timeout: Duration) -> Self {
        Self { idle_in_transaction_timeout, ..self }
    }

    /// Keeps the views of `P` inside of appends: they change in the transaction that stores the events, so that who has
    /// the answer of an append finds them up to date. `P` must name one view for each stream; an event that it cannot
    /// take refuses the append ([`StoreError::Inline`]), and nothing is stored.
    ///
    /// Appends that `P` wants take several round trips and do not go out together with others. Where a
    /// [`Projector`](es_core::Projector) will do, it is faster. All programs that append these events should have the
    /// same inline projections; what one without them has appended is folded by the stream's next append, or by
    /// [`fill_inline`](PostgresStore::fill_inline), which also brings a `P` that is added later up to date. Read the
    /// views by [`inline_view`](PostgresStore::inline_view), or as any other read model's through this store.
    ///
    /// # Errors
    /// [`StoreError::InvalidName`] when `P::NAME` leaves the alphabet of names; [`StoreError::Unusable`] when `P` is
    /// there already.
    pub fn inline<P: Projection>(mut self) -> Result<Self, StoreError> {
        self.inlines.add::<P>()?;
        Ok(self)
    }

    /// Opens the store: connects, brings the schema up to date, and checks that the server keeps what it promises.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] when the server is too old, a standby, does not make commits durable, or does not show
    /// locks to other connections; when the schema was made by a newer program, or the sequence of positions was
    /// changed. [`StoreError::Unavailable`] when the server cannot be reached.
    pub async fn open(self) -> Result<PostgresStore, StoreError> {
        open::open(self).await
    }
}

/// The URL without its parameter `schema`, and what that is.
fn split_schema(url: &str) -> (String, Option<&str>) {
    let Some((place, parameters)) = url.split_once('?') else { return (url.to_owned(), None) };
    let (ours, others): (Vec<_>, Vec<_>) =
        parameters.split('&').partition(|parameter| parameter.starts_with("schema="));
    let schema = ours.last().and_then(|parameter| parameter.split_once('=')).map(|(_, name)| name);
    (format!("{place}?{}", others.join("&")), schema)
}

/// The driver's own error may repeat parts of the URL, so it is left out.
fn parse(url: &str) -> Result<PgConnectOptions, StoreError> {
    let problem = || {
        StoreError::Unusable(
            "its URL cannot be read, expected postgres://user:password@host:port/database with libpq's parameters"
                .into(),
        )
    };
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(problem());
    }
    PgConnectOptions::from_str(url).map_err(|_| problem())
}

/// Shows where the server is, and never a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("host", &self.connect.get_host())
            .field("port", &self.connect.get_port())
            .field("database", &self.connect.get_database())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_name_the_schema() {
        let options =
            PostgresOptions::new("postgres://localhost/bank?schema=orders&sslmode=disable").unwrap();
        assert_eq!(options.schema, "orders");
        assert_eq!(PostgresOptions::new("postgres://localhost/bank?sslmode=disable").unwrap().schema, "es");
    }

    #[test]
    fn cl_05_neither_debug_nor_an_error_shows_the_password() {
        let options = PostgresOptions::new("postgres://me:tops3cret@localhost/bank").unwrap();
        let listening = options.clone().listen_url("postgres://me:tops3cret@localhost:0x/bank").unwrap_err();
        let other = PostgresOptions::new("mysql://me:tops3cret@localhost/bank").unwrap_err();
        for text in
            [format!("{options:?}"), format!("{listening:?} {listening}"), format!("{other:?} {other}")]
        {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
