//! [`SqliteStore`], in files of its own.

use async_trait::async_trait;
use es_conformance::{Ability, Instance, Settings, Subject, Tamper};
use es_core::Store;
use es_sqlite::{Durability, SqliteOptions, SqliteStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Makes stores in files of one folder.
pub struct Sqlite {
    folder: TempDir,
    files: AtomicU32,
}

impl Sqlite {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), files: AtomicU32::new(0) }
    }
}

struct InFile {
    path: PathBuf,
    options: SqliteOptions,
    open: Mutex<SqliteStore>,
}

#[async_trait]
impl Subject for Sqlite {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.path().join(format!("{number}.db"));
        let mut options = SqliteOptions::new(&path).limits(settings.limits).durability(Durability::Normal);
        if let Some(clock) = settings.clock {
            options = options.clock(Arc::new(clock));
        }
        if let Some(connections_max) = settings.connections_max {
            options = options.readers(connections_max);
        }
        if let Some(wait_max) = settings.wait_max {
            options = options.busy_timeout(wait_max);
        }
        let open = Mutex::new(options.clone().open().await.unwrap());
        Box::new(InFile { path, options, open })
    }

    fn lacks(&self) -> &[Ability] {
        // One task writes: no append is ever acknowledged behind one that is not.
        &[Ability::HoldAppend]
    }
}

impl InFile {
    fn handle(&self) -> SqliteStore {
        self.open.lock().unwrap().clone()
    }
}

#[async_trait]
impl Instance for InFile {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.handle())
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        self.handle().close().await.unwrap();
        let opened = self.options.clone().open().await.unwrap();
        *self.open.lock().unwrap() = opened;
        Some(self.store())
    }

    async fn second_handle(&self) -> Option<Arc<dyn Store>> {
        Some(Arc::new(self.options.clone().open().await.unwrap()))
    }

    async fn tamper(&self, tamper: Tamper) -> Option<()> {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut file = SqliteConnection::connect_with(&options).await.unwrap();
        for unlocked in ["events_are_never_changed", "events_are_never_deleted"] {
            let sql = sqlx::AssertSqlSafe(format!("DROP TRIGGER IF EXISTS {unlocked}"));
            sqlx::query(sql).execute(&mut file).await.unwrap();
        }
        let change = match tamper {
            Tamper::DeleteEvent { stream, version } => {
                sqlx::query("DELETE FROM events WHERE stream = ? AND version = ?")
                    .bind(stream.to_string())
                    .bind(version.value().cast_signed())
            }
            Tamper::ChangeEventId { position, event_id } => {
                sqlx::query("UPDATE events SET event_id = ? WHERE position = ?")
                    .bind(event_id.uuid().as_bytes().to_vec())
                    .bind(position.value().cast_signed())
            }
            Tamper::OverwritePayload { stream, version, payload } => {
                sqlx::query("UPDATE events SET payload = ? WHERE stream = ? AND version = ?")
                    .bind(payload)
                    .bind(stream.to_string())
                    .bind(version.value().cast_signed())
            }
            other => panic!("{other:?} is new: teach it to this subject"),
        };
        assert_eq!(change.execute(&mut file).await.unwrap().rows_affected(), 1);
        file.close().await.unwrap();
        Some(())
    }
}

mod in_files {
    es_conformance::conformance!(super::Sqlite::new());
}
