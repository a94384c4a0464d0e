//! Opens a store's file: whose is it, is SQLite new enough, is the schema up to date.

use crate::errors::{self, Failure, migrate_error, store_error};
use crate::options::{Check, Durability, Found, SqliteOptions};
use crate::readers::Readers;
use crate::sql;
use crate::store::{Parts, SqliteStore};
use crate::writer::Writer;
use es_core::{StoreError, WakeUpSender};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Older ones can lose a commit when two connections restart the write-ahead log at the same time.
const SQLITE_VERSION_MIN: [u32; 3] = [3, 51, 3];
/// How long to wait before the journal mode is tried again: SQLite itself does not wait for it.
const WAL_RETRY: Duration = Duration::from_millis(5);
/// How many rows SQLite's thread reads ahead.
const ROWS_AHEAD: usize = 64;

/// SQLite takes values of up to 10^9 bytes; a payload as large as this one leaves room for what is around it.
const EVENT_BYTES_MAX: usize = 512 * 1024 * 1024;

pub(crate) async fn open(options: SqliteOptions) -> Result<SqliteStore, StoreError> {
    let event_bytes_max = options.limits.event_bytes_max();
    if event_bytes_max > EVENT_BYTES_MAX {
        return Err(StoreError::Unusable(format!(
            "events of up to {event_bytes_max} bytes were asked for, SQLite takes {EVENT_BYTES_MAX}"
        )));
    }
    let writing = connect_options(&options)?.create_if_missing(options.found == Found::Anything);
    let mut connection = writing.connect().await.map_err(store_error)?;
    let store_id = prepare(&mut connection, &options).await?;
    let reading = connect_options(&options)?.read_only(true);
    let wake_ups = Arc::new(WakeUpSender::default());
    let writer = Writer::start(connection, writing, options.clock, Arc::clone(&wake_ups));
    let readers = Readers::new(reading, options.readers, options.busy_timeout);
    Ok(SqliteStore::new(Parts {
        writer,
        readers,
        limits: options.limits,
        wake_ups,
        store_id,
        directory: None,
    }))
}

fn connect_options(options: &SqliteOptions) -> Result<SqliteConnectOptions, StoreError> {
    let synchronous = match options.durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Normal => SqliteSynchronous::Normal,
    };
    Ok(SqliteConnectOptions::new()
        .filename(file(&options.path)?)
        .foreign_keys(false)
        .synchronous(synchronous)
        .busy_timeout(options.busy_timeout.min(Duration::from_secs(86_400)))
        .row_buffer_size(ROWS_AHEAD)
        // Renaming a table must not stumble over an application's views of the table that was there before.
        .pragma("legacy_alter_table", "ON")
        .disable_statement_logging())
}

/// The path as SQLite takes it for a file's: not for a URI, and not for a database that each connection has its own of.
fn file(path: &Path) -> Result<PathBuf, StoreError> {
    match path.to_str() {
        None => Err(StoreError::Unusable("its path is no UTF-8".into())),
        Some("" | ":memory:") => Err(StoreError::Unusable(
            "it has no file: use SqliteStore::in_memory for a store that need not last".into(),
        )),
        Some(_) if path.is_relative() => Ok(Path::new(".").join(path)),
        Some(_) => Ok(path.to_owned()),
    }
}

/// Checks the file and brings it up to date; gives the store's id.
async fn prepare(connection: &mut SqliteConnection, options: &SqliteOptions) -> Result<Uuid, StoreError> {
    check_version(connection).await?;
    check_owner(connection, options.found).await?;
    use_wal(connection, options.busy_timeout).await?;
    let store_id = migrate(connection).await?;
    if options.check == Check::Structure {
        check_structure(connection).await?;
    }
    Ok(store_id)
}

async fn check_version(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: String =
        sqlx::query_scalar(sql::SQLITE_VERSION).fetch_one(connection).await.map_err(store_error)?;
    if is_new_enough(&found) {
        return Ok(());
    }
    let [major, minor, patch] = SQLITE_VERSION_MIN;
    Err(StoreError::Unusable(format!("it needs SQLite {major}.{minor}.{patch} or newer, found {found}")))
}

fn is_new_enough(version: &str) -> bool {
    let numbers: Vec<u32> = version.split('.').map_while(|number| number.parse().ok()).collect();
    numbers[..] >= SQLITE_VERSION_MIN[..]
}

/// Refuses a file that another program has signed; a database without a sign may be shared with an application. Refuses one
/// without a store where there must be one.
async fn check_owner(connection: &mut SqliteConnection, found: Found) -> Result<(), StoreError> {
    let (application_id, is_ours): (i64, bool) =
        sqlx::query_as(sql::WHOSE_FILE).fetch_one(connection).await.map_err(store_error)?;
    if found == Found::Store && !is_ours {
        return Err(StoreError::Unusable("its file holds no store, expected one".into()));
    }
    if is_ours || application_id == 0 || application_id == sql::APPLICATION_ID {
        return Ok(());
    }
    Err(StoreError::Unusable(format!(
        "its file belongs to another program (application id {application_id:#x}, expected {:#x})",
        sql::APPLICATION_ID
    )))
}

/// Readers and the writer never wait for each other in this mode. Two processes that open a new file at the same time
/// get in each other's way for a moment.
async fn use_wal(connection: &mut SqliteConnection, wait_max: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + wait_max;
    loop {
        match sqlx::query_scalar::<_, String>(sql::USE_WAL).fetch_one(&mut *connection).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Unusable(format!(
                    "its file needs the journal mode `wal`, found `{mode}`: is it on a local file system?"
                )));
            }
            Err(error) if Failure::of(&error) == Failure::Busy && Instant::now() < deadline => {
                tokio::time::sleep(WAL_RETRY).await;
            }
            Err(error) => return Err(store_error(error)),
        }
    }
}

/// Holds the write lock from before the first look to the commit, so that of two processes one migrates.
async fn migrate(connection: &mut SqliteConnection) -> Result<Uuid, StoreError> {
    let mut transaction = connection.begin_with(sql::BEGIN).await.map_err(store_error)?;
    migrator().run_direct(None, &mut *transaction, false).await.map_err(migrate_error)?;
    sqlx::query(sql::SIGN).execute(&mut *transaction).await.map_err(store_error)?;
    sqlx::query(sql::MAKE_STORE_ID)
        .bind(Uuid::now_v7().to_string())
        .execute(&mut *transaction)
        .await
        .map_err(store_error)?;
    let id: String =
        sqlx::query_scalar(sql::STORE_ID).fetch_one(&mut *transaction).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)?;
    id.parse().map_err(errors::corrupt)
}

fn migrator() -> Migrator {
    let first = include_str!("../migrations/0001_store.sql").into_sql_str();
    let mut migrator = Migrator::with_migrations(vec![Migration::new(
        1,
        "store".into(),
        MigrationType::Simple,
        first,
        false,
    )]);
    // The application's own migrations keep the usual table.
    migrator.dangerous_set_table_name("es_migrations");
    migrator
}

async fn check_structure(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let found: String =
        sqlx::query_scalar(sql::QUICK_CHECK).fetch_one(connection).await.map_err(store_error)?;
    if found == "ok" { Ok(()) } else { Err(errors::corrupt(found)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        assert!(is_new_enough("3.51.3") && is_new_enough("3.52.0") && is_new_enough("4.0.0"));
        assert!(!is_new_enough("3.51.2") && !is_new_enough("3.9.99") && !is_new_enough("nonsense"));
    }

    #[tokio::test]
    async fn durability_is_what_sqlite_was_told() {
        for (durability, synchronous) in [(Durability::Full, 2), (Durability::Normal, 1)] {
            let directory = tempfile::tempdir().unwrap();
            let options = SqliteOptions::new(directory.path().join("es.db")).durability(durability);
            let connecting = connect_options(&options).unwrap().create_if_missing(true);
            let mut connection = connecting.connect().await.unwrap();
            prepare(&mut connection, &options).await.unwrap();
            let found: i64 = sqlx::query_scalar(sql::SYNCHRONOUS).fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, synchronous, "{durability:?}");
        }
    }
}
