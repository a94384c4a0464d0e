//! What a store refuses when it is opened, and that it says why.

use super::scene::{Scene, appended, connect, log, options, run, unusable, url_of};
use es_core::StoreError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_31_a_sequence_that_was_set_back_is_refused() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    appended(&store, "a", 5).await;
    let mut connection = scene.connect().await;
    for (set, found) in [("setval('es.position_seq', 4)", 4), ("setval('es.position_seq', 5, false)", 4)] {
        run(&mut connection, &format!("SELECT {set}")).await;
        let reason = unusable(scene.options().open().await);
        assert!(reason.contains(&format!("stands at {found}")) && reason.contains("set back"), "{reason}");
    }
    run(&mut connection, "SELECT setval('es.position_seq', 5)").await;
    assert_eq!(log(&scene.store().await).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_31_a_sequence_that_hands_out_numbers_in_advance_is_refused() {
    let Some(scene) = Scene::new().await else { return };
    let mut connection = scene.connect().await;
    run(&mut connection, "ALTER SEQUENCE es.position_seq CACHE 20").await;
    let reason = unusable(scene.options().open().await);
    assert!(reason.contains("cache 20, expected 1"), "{reason}");
    run(&mut connection, "ALTER SEQUENCE es.position_seq CACHE 1").await;
    scene.store().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_are_not_durable_are_refused() {
    let Some(scene) = Scene::new().await else { return };
    let mut elsewhere = connect(&url_of(scene.url(), "postgres")).await;
    let alter = |setting: &str| format!("ALTER DATABASE {} {setting}", scene.name());
    run(&mut elsewhere, &alter("SET synchronous_commit = off")).await;
    let reason = unusable(scene.options().open().await);
    assert!(reason.contains("synchronous_commit"), "{reason}");
    for level in ["local", "on"] {
        run(&mut elsewhere, &alter(&format!("SET synchronous_commit = {level}"))).await;
        scene.store().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_there_is_refused_and_one_that_is_down_is_not_available() {
    let Some(scene) = Scene::new().await else { return };
    let reason = unusable(options(&url_of(scene.url(), "nobody_made_this")).open().await);
    assert!(reason.contains("nobody_made_this"), "{reason}");
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let outcome = options(&format!("postgres://postgres@127.0.0.1:{port}/postgres")).open().await;
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
}

/// Says what a server of this version says first, and takes whoever comes.
async fn greet(mut client: TcpStream, version: &str) {
    let mut length = [0; 4];
    client.read_exact(&mut length).await.unwrap();
    let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut startup).await.unwrap();
    let message = |kind: u8, body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], &length[..], body].concat()
    };
    let parameter = format!("server_version\0{version}\0");
    let greeting = [
        message(b'R', &0_u32.to_be_bytes()),
        message(b'S', parameter.as_bytes()),
        message(b'K', &[0; 8]),
        message(b'Z', b"I"),
    ];
    client.write_all(&greeting.concat()).await.unwrap();
    // Until the client goes.
    let _ = client.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_too_old_is_refused() {
    for (version, shown) in [("14.19 (Debian 14.19-1)", "14"), ("9.6.24", "9")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move { greet(listener.accept().await.unwrap().0, version).await });
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
        let reason = unusable(options(&url).open().await);
        assert!(reason.contains("PostgreSQL 15 or newer") && reason.ends_with(shown), "{reason}");
        server.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_whose_sessions_keep_snapshots_is_refused_with_the_reason() {
    let Some(scene) = Scene::new().await else { return };
    let mut elsewhere = connect(&url_of(scene.url(), "postgres")).await;
    let alter =
        format!("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'", scene.name());
    run(&mut elsewhere, &alter).await;
    // Such a pooler is told nothing when we connect.
    let reason = unusable(scene.options().pooler(es_postgres::Pooler::Transaction).open().await);
    assert!(reason.contains("READ COMMITTED, found repeatable read"), "{reason}");
}
