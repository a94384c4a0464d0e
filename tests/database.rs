//! The support for tests on PostgreSQL keeps its own promises.

use sqlx::{Connection, PgConnection};
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::{Database, database};

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("the database takes connections")
}

async fn number(url: &str, sql: &'static str) -> i64 {
    let mut connection = connect(url).await;
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("the query is right");
    connection.close().await.expect("the connection closes");
    number
}

async fn create_table(url: String) {
    let mut connection = connect(&url).await;
    sqlx::raw_sql("CREATE TABLE numbers (number BIGINT)")
        .execute(&mut connection)
        .await
        .expect("it is empty");
    // The connection is left open on purpose: a template can be copied all the same.
    std::mem::forget(connection);
}

#[tokio::test]
async fn a_database_is_gone_when_it_is_dropped_also_while_somebody_is_connected() {
    let Some(server) = database::server() else { return };
    let database = Database::create().await;
    let _connected = connect(database.url()).await;
    let name = database.name().to_owned();
    drop(database);
    let mut connection = connect(server).await;
    let sql = "SELECT count(*) FROM pg_database WHERE datname = $1";
    let left: i64 = sqlx::query_scalar(sql).bind(name).fetch_one(&mut connection).await.expect("it answers");
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_is_made_once_and_its_copies_share_no_rows() {
    if database::server().is_none() {
        return;
    }
    let key = format!("a key that nobody had before: {}", uuid::Uuid::now_v7());
    let made = AtomicUsize::new(0);
    let make = || {
        Database::with_template(&key, async |url| {
            made.fetch_add(1, Ordering::Relaxed);
            create_table(url).await;
        })
    };
    let (one, two, three) = tokio::join!(make(), make(), make());
    assert_eq!(made.load(Ordering::Relaxed), 1);
    let mut connection = connect(one.url()).await;
    sqlx::raw_sql("INSERT INTO numbers VALUES (7)").execute(&mut connection).await.expect("there is a table");
    for (database, count) in [(&one, 1), (&two, 0), (&three, 0)] {
        assert_eq!(number(database.url(), "SELECT count(*) FROM numbers").await, count);
    }
    Database::drop_template(&key).await;
}

#[tokio::test]
async fn a_template_whose_making_was_cut_short_is_made_anew() {
    if database::server().is_none() {
        return;
    }
    let key = format!("a key that nobody had before: {}", uuid::Uuid::now_v7());
    let started = tokio::sync::Notify::new();
    let cut_short = Database::with_template(&key, async |url| {
        create_table(url).await;
        started.notify_one();
        std::future::pending().await
    });
    tokio::select! {
        _ = cut_short => panic!("it has no end"),
        () = started.notified() => {}
    }
    let database = Database::with_template(&key, create_table).await;
    assert_eq!(number(database.url(), "SELECT count(*) FROM numbers").await, 0);
    Database::drop_template(&key).await;
}
