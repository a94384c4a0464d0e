//! The file: opening, sharing, damaging and reading it with other tools.

use super::common::*;
use es_core::*;
use es_sqlite::{SqliteOptions, SqliteStore};
use sqlx::{Executor, Row};
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(command("a", "c", 500)).await.unwrap();
    let (id, log) = (store.store_id(), store.read_all(Position::START, &Filter::default(), 1_000).await);
    store.close().await.unwrap();
    let closed = store_error(store.append(append("a", Expected::Any, 1)).await);
    assert!(matches!(closed, StoreError::Unusable(_)), "{closed}");
    assert!(matches!(store.head().await, Err(StoreError::Unusable(_))));

    let again = SqliteOptions::new(&path).check_structure().open().await.unwrap();
    assert_eq!(again.store_id(), id);
    assert_eq!(again.read_all(Position::START, &Filter::default(), 1_000).await.unwrap(), log.unwrap());
    assert!(again.append(command("a", "c", 1)).await.unwrap().repeated);
}

#[tokio::test]
async fn closing_finishes_what_was_queued() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let appends: Vec<_> =
        (0..100).map(|key| store.append(append(&key.to_string(), Expected::Empty, 1))).collect();
    let (answers, closed) = futures::join!(futures::future::join_all(appends), store.close());
    closed.unwrap();
    assert!(answers.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_stores_that_race_for_a_version_one_wins() {
    let (_directory, path) = file();
    let (one, other) = tokio::join!(SqliteStore::open(&path), SqliteStore::open(&path));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.store_id(), other.store_id());
    for version in 0..100 {
        let expected = Expected::Exactly(Version::new(version));
        let (a, b) =
            tokio::join!(one.append(append("a", expected, 1)), other.append(append("a", expected, 1)));
        let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
        assert_eq!(won.unwrap().position, Position::new(version + 1));
        assert!(matches!(lost, Err(AppendError::Conflict(_))), "{lost:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_open_a_new_file_at_once_agree() {
    let (_directory, path) = file();
    let stores = futures::future::join_all((0..8).map(|_| SqliteStore::open(&path))).await;
    let ids: Vec<_> = stores.into_iter().map(|store| store.unwrap().store_id()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn a_writer_elsewhere_that_holds_the_lock_makes_the_store_unavailable_and_no_more() {
    let (_directory, path) = file();
    let store = SqliteOptions::new(&path).busy_timeout(Duration::from_millis(20)).open().await.unwrap();
    let mut stranger = stranger(&path).await;
    stranger.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = append("a", Expected::Any, 1);
    let error = store_error(store.append(refused.clone()).await);
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert_eq!(store.head().await.unwrap(), None);
    stranger.execute("ROLLBACK").await.unwrap();
    assert!(!store.append(refused).await.unwrap().repeated);
}

#[tokio::test]
async fn events_are_never_changed_and_never_deleted() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(append("a", Expected::Any, 1)).await.unwrap();
    let mut stranger = stranger(&path).await;
    for change in ["UPDATE events SET payload = x'00'", "DELETE FROM events"] {
        let error = stranger.execute(change).await.unwrap_err();
        assert!(error.to_string().contains("recorded events are never"), "{error}");
    }
}

#[tokio::test]
async fn other_tools_read_the_log_as_json() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let id = uuid::Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001);
    let event = NewEvent {
        event_id: EventId::new(id),
        metadata: Metadata::new().correlated(id).by("alice"),
        ..event("account.noted", r#"{"text":"a\u0000b"}"#)
    };
    let appended = store.append(Append::new(stream("a"), Expected::Any, vec![event])).await.unwrap();
    let row = stranger(&path).await.fetch_one("SELECT * FROM events_json").await.unwrap();
    let text = |column: &str| row.get::<Option<String>, _>(column);
    assert_eq!(text("payload").unwrap(), r#"{"text":"a\u0000b"}"#);
    assert_eq!(text("event_id").unwrap(), id.to_string());
    assert_eq!(text("correlation_id").unwrap(), id.to_string());
    assert_eq!(text("causation_id"), None);
    assert_eq!(text("metadata").unwrap(), r#"{"rest":{"actor":"alice"}}"#);
    let recorded_at: chrono::DateTime<chrono::Utc> = text("recorded_at").unwrap().parse().unwrap();
    assert_eq!(recorded_at, appended.recorded_at);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused() {
    let (directory, path) = file();
    std::fs::write(&path, "x".repeat(10_000)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");

    let error = SqliteStore::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
    let error = SqliteStore::open(":memory:").await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");

    let other = directory.path().join("other.db");
    stranger(&other).await.execute("PRAGMA application_id = 7").await.unwrap();
    let error = SqliteStore::open(&other).await.unwrap_err();
    assert!(matches!(error, StoreError::Unusable(_)), "{error}");
}

#[tokio::test]
async fn a_file_of_an_application_can_be_shared() {
    let (_directory, path) = file();
    stranger(&path)
        .await
        .execute("CREATE TABLE accounts (id); CREATE TABLE _sqlx_migrations (version)")
        .await
        .unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    store.append(append("a", Expected::Any, 1)).await.unwrap();
}

#[tokio::test]
async fn who_only_looks_makes_no_store() {
    let (_directory, path) = file();
    let existing = || SqliteOptions::new(&path).existing().open();
    assert!(matches!(existing().await, Err(StoreError::Unusable(_))));
    assert!(!path.exists());
    stranger(&path).await.execute("CREATE TABLE accounts (id)").await.unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = existing().await.unwrap_err();
    assert!(error.to_string().contains("its file holds no store, expected one"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "nothing was written to it");
    SqliteStore::open(&path).await.unwrap().append(append("a", Expected::Any, 1)).await.unwrap();
    assert!(existing().await.unwrap().head().await.unwrap().is_some());
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let (_directory, path) = file();
    SqliteStore::open(&path).await.unwrap().close().await.unwrap();
    let future = "INSERT INTO es_migrations SELECT 999, 'future', installed_on, success, checksum, 0 FROM es_migrations";
    stranger(&path).await.execute(future).await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unusable(why) if why.contains("999")), "{error}");
}

/// A closed file with more pages than its header.
async fn filled(path: &std::path::PathBuf) -> u64 {
    let store = SqliteStore::open(path).await.unwrap();
    store.append(append("a", Expected::Any, 2_000)).await.unwrap();
    store.close().await.unwrap();
    std::fs::metadata(path).unwrap().len()
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_refused() {
    let (_directory, path) = file();
    let bytes = filled(&path).await;
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes / 2).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}

#[tokio::test]
async fn a_damaged_page_is_found_when_the_structure_is_checked() {
    let (_directory, path) = file();
    let bytes = filled(&path).await;
    let mut damaged = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    for page in bytes / 4096 / 2..bytes / 4096 {
        damaged.seek(SeekFrom::Start(page * 4096)).unwrap();
        damaged.write_all(&[0xFF; 16]).unwrap();
    }
    drop(damaged);
    let error = SqliteOptions::new(&path).check_structure().open().await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    let store = SqliteStore::open(&path).await.unwrap();
    let error = store.read_all(Position::START, &Filter::default(), 10_000).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
}
