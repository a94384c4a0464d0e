//! What the tests of this crate share.

use es_core::{
    Append, AppendError, CommandId, EventId, Expected, Metadata, NewEvent, Payload, StoreError, StreamId,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::path::PathBuf;
use tempfile::TempDir;
use uuid::Uuid;

/// A directory of its own and the path of a file in it.
pub fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("es.db");
    (directory, path)
}

/// A connection as any other program may have one.
pub async fn stranger(path: &PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

pub fn stream(key: &str) -> StreamId {
    StreamId::new("account", key).unwrap()
}

pub fn event(name: &'static str, payload: &str) -> NewEvent {
    NewEvent {
        event_id: EventId::new(Uuid::now_v7()),
        name: name.into(),
        schema_version: 1,
        payload: Payload::new(payload.as_bytes().to_vec()),
        metadata: Metadata::new(),
    }
}

pub fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|number| event("account.deposited", &format!("{{\"amount\":{number}}}"))).collect()
}

pub fn append(key: &str, expected: Expected, count: usize) -> Append {
    Append::new(stream(key), expected, events(count))
}

pub fn command(key: &str, id: &str, count: usize) -> Append {
    Append { command_id: Some(CommandId::new(id).unwrap()), ..append(key, Expected::Any, count) }
}

pub fn store_error<T: std::fmt::Debug>(result: Result<T, AppendError>) -> StoreError {
    match result {
        Err(AppendError::Store(error)) => error,
        other => panic!("expected an error of the store, found {other:?}"),
    }
}
