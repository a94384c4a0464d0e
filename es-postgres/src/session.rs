//! [`Session`]: one connection, and how statements are sent over it.

use crate::errors::Failed;
use crate::options::{Pooler, PostgresOptions};
use bytes::Bytes;
use futures::TryStreamExt;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Postgres};
use std::ops::ControlFlow;
use std::time::Duration;

pub(crate) type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

/// What is waited for beyond the server's own time-out, before it is given up.
const GRACE: Duration = Duration::from_secs(2);

impl Pooler {
    /// The query, to be prepared under a name or, where names do not last, under none.
    pub(crate) fn prepared(self, query: Query) -> Query {
        if self == Self::LegacyTransaction { query.persistent(false) } else { query }
    }
}

/// How sessions are made.
#[derive(Clone)]
pub(crate) struct SessionOptions {
    connect: PgConnectOptions,
    pooler: Pooler,
    connect_timeout: Duration,
    patience: Duration,
    transaction_timeout: Duration,
}

/// A connection outside of a transaction.
pub(crate) struct Session {
    connection: PgConnection,
    pooler: Pooler,
    patience: Duration,
    /// The highest horizon that it was given.
    horizon: Option<i64>,
}

impl SessionOptions {
    pub(crate) fn new(options: &PostgresOptions) -> Self {
        let mut connect = options.connect.clone().extra_float_digits(None).disable_statement_logging();
        if connect.get_application_name().is_none() {
            connect = connect.application_name("es-postgres");
        }
        connect = match options.pooler {
            Pooler::None => connect.options(server_settings(options)),
            Pooler::Transaction => connect,
            Pooler::LegacyTransaction => connect.statement_cache_capacity(0),
        };
        Self {
            connect,
            pooler: options.pooler,
            connect_timeout: options.connect_timeout,
            patience: options.statement_timeout.saturating_add(GRACE),
            transaction_timeout: options.transaction_timeout,
        }
    }

    /// How long a transaction of several statements may take.
    pub(crate) fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout
    }

    pub(crate) async fn open(&self) -> Result<Session, Failed> {
        match tokio::time::timeout(self.connect_timeout, self.connect.connect()).await {
            Ok(Ok(connection)) => {
                Ok(Session { connection, pooler: self.pooler, patience: self.patience, horizon: None })
            }
            Ok(Err(error)) => Err(Failed::before(error)),
            Err(_) => Err(Failed::unreachable(self.connect_timeout)),
        }
    }
}

/// What the server is told when we connect. Every statement of ours has an index to go by, whatever its parameters: a
/// table without statistics is no reason to read it whole, and planning anew takes longer than an append.
fn server_settings(options: &PostgresOptions) -> Vec<(&'static str, String)> {
    let ms = |duration: Duration| duration.as_millis().clamp(1, i32::MAX as u128).to_string();
    vec![
        ("statement_timeout", ms(options.statement_timeout)),
        ("lock_timeout", ms(options.lock_timeout)),
        ("idle_in_transaction_session_timeout", ms(options.idle_in_transaction_timeout)),
        ("tcp_keepalives_idle", "30".into()),
        ("tcp_keepalives_interval", "10".into()),
        ("tcp_keepalives_count", "3".into()),
        ("default_transaction_isolation", "read committed".into()),
        ("enable_seqscan", "off".into()),
        ("plan_cache_mode", "force_generic_plan".into()),
        ("jit", "off".into()),
    ]
}

impl Session {
    /// Runs one statement in a transaction of its own, and gives its rows.
    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        match tokio::time::timeout(self.patience, self.send(query)).await {
            Ok(result) => result,
            Err(_) => Err(Failed::silent(self.patience)),
        }
    }

    async fn send(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        if self.pooler != Pooler::LegacyTransaction {
            return self.connection.fetch_all(query).await.map_err(Failed::under_way);
        }
        self.connection.execute("BEGIN").await.map_err(Failed::under_way)?;
        let result = self.connection.fetch_all(self.pooler.prepared(query)).await.map_err(Failed::under_way);
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.connection.execute(end).await.map_err(Failed::under_way)?;
        result
    }

    /// Gives `take` what a copy sends, until it has enough, and says whether that was all. What is left unread makes the
    /// session useless, as an error does.
    pub(crate) async fn copy_out(
        &mut self,
        text: &str,
        mut take: impl FnMut(&Bytes) -> ControlFlow<()>,
    ) -> Result<bool, Failed> {
        let copied = async {
            let mut pieces = self.connection.copy_out_raw(text).await?;
            while let Some(piece) = pieces.try_next().await? {
                if take(&piece).is_break() {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        match tokio::time::timeout(self.patience, copied).await {
            Ok(result) => result.map_err(Failed::under_way),
            Err(_) => Err(Failed::silent(self.patience)),
        }
    }

    /// A horizon that it was given. Behind a pooler, the server that gave it may be another one by now.
    pub(crate) fn horizon(&self) -> Option<i64> {
        self.horizon.filter(|_| self.pooler == Pooler::None)
    }

    pub(crate) fn remember(&mut self, horizon: i64) {
        self.horizon = self.horizon.max(Some(horizon));
    }

    /// Runs one statement without rows or parameters, such as the beginning or the end of a transaction.
    pub(crate) async fn run(&mut self, text: &'static str) -> Result<(), Failed> {
        match tokio::time::timeout(self.patience, self.connection.execute(text)).await {
            Ok(result) => result.map(drop).map_err(Failed::under_way),
            Err(_) => Err(Failed::silent(self.patience)),
        }
    }

    /// Runs one statement in the transaction that is open on this connection.
    pub(crate) async fn rows_within(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        let query = self.pooler.prepared(query);
        match tokio::time::timeout(self.patience, self.connection.fetch_all(query)).await {
            Ok(result) => result.map_err(Failed::under_way),
            Err(_) => Err(Failed::silent(self.patience)),
        }
    }

    /// Reads what a dropped call has left unread. A statement that failed meanwhile is told of once.
    pub(crate) async fn drain(&mut self) -> Result<(), Failed> {
        let drained = async {
            match self.connection.ping().await {
                Err(sqlx::Error::Database(_)) => self.connection.ping().await?,
                result => result?,
            }
            if self.pooler == Pooler::LegacyTransaction {
                self.connection.execute("ROLLBACK").await?;
            }
            Ok(())
        };
        match tokio::time::timeout(self.patience, drained).await {
            Ok(result) => result.map_err(Failed::under_way),
            Err(_) => Err(Failed::silent(self.patience)),
        }
    }

    pub(crate) fn pooler(&self) -> Pooler {
        self.pooler
    }

    /// For how long an answer is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The connection itself, for who begins a transaction and also ends it.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(crate) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection could not be closed");
        }
    }
}

/// Runs one statement of a transaction, and gives its rows.
pub(crate) async fn fetch(connection: &mut PgConnection, query: Query) -> Result<Vec<PgRow>, Failed> {
    connection.fetch_all(query).await.map_err(Failed::under_way)
}
