//! Opens a store: is the server one that keeps its promises, and is the schema up to date.

use crate::bulk::RowsMax;
use crate::connections::Connections;
use crate::errors::Failed;
use crate::horizon::Horizon;
use crate::lanes::Lanes;
use crate::loads::Loads;
use crate::migrations;
use crate::options::{CrossProcess, Migrations, Pooler, PostgresOptions};
use crate::rows::{count, value};
use crate::schema::Schema;
use crate::session::{Session, SessionOptions};
use crate::sql::{self, Sql};
use crate::store::{Parts, PostgresStore};
use crate::wake::{self, Notifications, Wake};
use es_core::StoreError;
use sqlx::postgres::PgRow;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// The oldest server that the protocol was proven on.
const SERVER_VERSION_MIN: u32 = 150_000;

/// A message to PostgreSQL ends at 1 GiB; an append as large as this leaves room for what is around it.
const APPEND_BYTES_MAX: usize = 256 * 1024 * 1024;

pub(crate) async fn open(options: PostgresOptions) -> Result<PostgresStore, StoreError> {
    let schema = Schema::new(&options.schema)?;
    check_limits(&options)?;
    let session_options = SessionOptions::new(&options);
    let sql = Arc::new(Sql::of(schema.clone()));
    let mut session = session_options.open().await?;
    check_server(&mut session).await?;
    migrate(&mut session, &options, &schema).await?;
    let store_id = check_facts(&mut session, &sql).await?;
    let mut other = session_options.open().await?;
    check_horizon(&mut session, &mut other, &sql, options.connect_timeout).await?;
    warn_of_diverged(&mut session, &sql).await?;
    other.close().await;

    let connections = Connections::new(session_options.clone(), options.connections, options.wait_max);
    connections.adopt(session);
    let listen =
        options.listen.clone().or_else(|| (options.pooler == Pooler::None).then(|| options.connect.clone()));
    let listen = listen.filter(|_| options.wake_ups == CrossProcess::Notify);
    let wake = match &listen {
        Some(_) => Wake::on(wake::channel(&schema)),
        None => Wake::default(),
    };
    let wake = Arc::new(wake);
    let notifications = listen.map(|listen| Notifications::start(&wake, &connections, listen, &schema));
    Ok(PostgresStore::new(Parts {
        lanes: Lanes::start(options.lanes, &session_options, options.wait_max, &sql, &wake),
        horizon: Horizon::start(connections.clone(), sql.horizon.clone()),
        loads: Loads::new(connections.clone(), &sql),
        connections,
        rows_max: RowsMax::default(),
        stream_rows_max: RowsMax::default(),
        sql,
        wake,
        notifications,
        pooler: options.pooler,
        limits: options.limits,
        live_generations: Default::default(),
        idle_in_transaction_timeout: options.idle_in_transaction_timeout,
        inlines: options.inlines,
        store_id,
    }))
}

fn check_limits(options: &PostgresOptions) -> Result<(), StoreError> {
    let asked = options.limits.append_bytes_max().max(options.limits.event_bytes_max());
    if asked > APPEND_BYTES_MAX {
        return Err(StoreError::Unusable(format!(
            "appends of up to {asked} bytes were asked for, PostgreSQL takes {APPEND_BYTES_MAX}"
        )));
    }
    Ok(())
}

async fn check_server(session: &mut Session) -> Result<(), StoreError> {
    let found = session.connection().server_version_num().unwrap_or_default();
    if found < SERVER_VERSION_MIN {
        return Err(StoreError::Unusable(format!(
            "it needs PostgreSQL {} or newer, found {}",
            SERVER_VERSION_MIN / 10_000,
            found / 10_000
        )));
    }
    // A standby shows neither the locks of the primary nor its sequence as it is now.
    let standby = one_row(session, sqlx::query(sql::IS_STANDBY)).await?;
    if value(&standby, 0)? {
        return Err(StoreError::Unusable("the server is a standby: readers need the primary's locks".into()));
    }
    Ok(())
}

/// A role that may not migrate can open a store whose schema is up to date.
async fn migrate(
    session: &mut Session,
    options: &PostgresOptions,
    schema: &Schema,
) -> Result<(), StoreError> {
    match options.migrations {
        Migrations::Check => migrations::check(session, schema).await,
        Migrations::Run if migrations::is_up_to_date(session, schema).await => Ok(()),
        Migrations::Run => migrations::run(session, schema).await,
    }
}

/// Checks what must be true of the database; gives the store's id.
async fn check_facts(session: &mut Session, sql: &Sql) -> Result<Uuid, StoreError> {
    let row = one_row(session, sqlx::query(sql.facts.clone())).await?;
    let unusable = |reason: String| Err(StoreError::Unusable(reason));
    if value::<&str>(&row, 1)? == "off" {
        return unusable(
            "`synchronous_commit` is off, so that a row can be seen and then be gone after a crash: turn it on for this role"
                .into(),
        );
    }
    let cache: i64 = value(&row, 2)?;
    if cache != 1 {
        return unusable(format!(
            "the sequence of positions has cache {cache}, expected 1: numbers must follow real time"
        ));
    }
    let (last, highest): (i64, i64) = (value(&row, 3)?, value(&row, 4)?);
    if last < highest {
        return unusable(format!(
            "the sequence of positions stands at {last}, below the log's last position {highest}: it was set back"
        ));
    }
    value(&row, 0)
}

/// Proves with two connections that readers see the lock of an open append. Databases that only speak PostgreSQL's
/// protocol may not show it, and a pooler that mixes sessions would not either.
async fn check_horizon(
    writer: &mut Session,
    reader: &mut Session,
    sql: &Sql,
    patience: Duration,
) -> Result<(), StoreError> {
    let begun = async {
        writer.run("BEGIN").await.map_err(Failed::of_nothing)?;
        let rows = writer.rows_within(sqlx::query(sql.begin_append.clone())).await?;
        let below: i64 = value(&first(rows)?, 0)?;
        // As if a number had been drawn since.
        let settled = one_row(reader, sqlx::query(sql.settled.clone()).bind(below + 1));
        let settled = tokio::time::timeout(patience, settled).await.map_err(|_| no_second(patience))??;
        Ok::<_, StoreError>(value::<i64>(&settled, 0)? <= below)
    };
    let seen = begun.await;
    writer.run("ROLLBACK").await.map_err(Failed::of_nothing)?;
    if seen? {
        // It says why, where readers could not use it.
        return one_row(reader, sqlx::query(sql.horizon.clone())).await.map(drop);
    }
    Err(StoreError::Unusable(
        "one connection does not see the advisory lock of another, so that readers could skip events".into(),
    ))
}

fn no_second(waited: Duration) -> StoreError {
    let reason = format!(
        "while one connection was in a transaction, a second one got no answer within {waited:?}: a pooler needs at \
         least two connections to the server"
    );
    StoreError::Unavailable { reason: reason.into(), source: None }
}

/// A projector refuses to go on from such a checkpoint; here an operator is told at once.
async fn warn_of_diverged(session: &mut Session, sql: &Sql) -> Result<(), StoreError> {
    for row in &session.rows(sqlx::query(sql.diverged.clone())).await? {
        tracing::warn!(
            projection = value::<&str>(row, 0)?,
            version = value::<i64>(row, 1)?,
            generation = value::<&str>(row, 2)?,
            position = count(row, 3)?,
            "the checkpoint is of another history: a backup was restored, or a failover lost the end; rebuild it"
        );
    }
    Ok(())
}

async fn one_row(session: &mut Session, query: crate::session::Query) -> Result<PgRow, StoreError> {
    first(session.rows(query).await?)
}

fn first(rows: Vec<PgRow>) -> Result<PgRow, StoreError> {
    rows.into_iter().next().ok_or_else(|| StoreError::Unusable("its schema is incomplete".into()))
}
