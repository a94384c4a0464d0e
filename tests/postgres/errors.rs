//! What a caller is told: which class of error it is, and no secret.

use super::ground::{Plain, answer, database, in_the_end, open, options, private_server};
use es_core::{
    AppendError, CheckpointStore, EventStore, Filter, GenerationState, Lease, Position, ProjectionId,
    SnapshotStore, StoreError, StreamRange, ViewStore,
};
use es_postgres::PostgresOptions;
use sqlx::{Connection, PgConnection};
use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;
use test_server::{Server, Settings};
use tests::tally;
use uuid::Uuid;

/// A password that must be seen nowhere.
pub const CANARY: &str = "c4n4ry-in-the-c0al-mine";

/// All that an error shows: its chain, and how it is debugged.
pub fn shown(error: &impl Error) -> String {
    let mut text = format!("{error:?} {error:#?} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    text
}

/// What opening a store at this URL is refused with; neither it nor the options show the password.
pub async fn refusal(url: &str) -> StoreError {
    let options = options(url).connect_timeout(Duration::from_secs(5));
    assert!(!format!("{options:?} {options:#?}").contains(CANARY));
    let error = answer("opening", options.open()).await.expect_err("it is refused");
    let text = shown(&error);
    assert!(!text.contains(CANARY), "{text}");
    error
}

/// A server with a role whose password is the canary, and who may connect twice.
async fn server() -> Option<Server> {
    let server = private_server(Settings::new().with("max_connections", "30"))?;
    let mut plain = Plain::connect(&server.url("postgres")).await;
    plain.run(&format!("CREATE ROLE two LOGIN PASSWORD '{CANARY}' CONNECTION LIMIT 2")).await;
    plain.run(&format!("CREATE ROLE many LOGIN PASSWORD '{CANARY}'")).await;
    plain.run("GRANT ALL ON DATABASE postgres TO two, many").await;
    Some(server)
}

fn url(server: &Server, user: &str, password: &str, database: &str) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{}/{database}?sslmode=disable", server.port())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_connecting_have_their_classes_and_show_no_password() {
    let Some(server) = server().await else { return };
    let wrong_password = refusal(&url(&server, "many", &format!("{CANARY}-not"), "postgres")).await;
    let unknown_role = refusal(&url(&server, "nobody", CANARY, "postgres")).await;
    let unknown_database = refusal(&url(&server, "many", CANARY, "nowhere")).await;
    for error in [wrong_password, unknown_role, unknown_database] {
        assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let nobody_listens = refusal(&format!("postgres://many:{CANARY}@127.0.0.1:{port}/postgres")).await;
    let unknown_host = refusal(&format!("postgres://many:{CANARY}@nowhere.invalid:5432/postgres")).await;
    for error in [nobody_listens, unknown_host] {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    }
    for broken in ["postgres://many:{}@[::1/postgres", "postgres://many:{}@h:0x/a", "mysql://many:{}@h/a"] {
        let error = PostgresOptions::new(&broken.replace("{}", CANARY)).unwrap_err();
        assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
        assert!(!shown(&error).contains(CANARY));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_a_free_connection_is_unavailable_and_well_later() {
    let Some(server) = server().await else { return };
    let all = url(&server, "many", CANARY, "postgres");
    open(&options(&all)).await.close().await.unwrap();
    let limited = url(&server, "two", CANARY, "postgres");
    let mut plain = Plain::connect(&server.url("postgres")).await;
    plain.run("GRANT USAGE ON SCHEMA es TO two; GRANT ALL ON ALL TABLES IN SCHEMA es TO two").await;
    plain.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA es TO two").await;
    let taken = (Plain::connect(&limited).await, Plain::connect(&limited).await);
    let refused = refusal(&limited).await;
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(shown(&refused).contains("no connection left"), "{refused:?}");
    drop(taken.0);

    // Its lane finds no place, and nothing was stored.
    drop(taken.1);
    let open = || options(&limited).lanes(1).without_notifications().open();
    let store = in_the_end("opening a store", open).await;
    let connect = || PgConnection::connect(&limited);
    let taken = in_the_end("connecting", connect).await;
    let append = tally::append(&tally::stream("limited"), 1);
    let refused = answer("an append", store.append(append.clone())).await.unwrap_err();
    assert!(matches!(refused, AppendError::Store(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(!shown(&refused).contains(CANARY));
    drop(taken);
    answer("appending", async {
        while let Err(error) = store.append(append.clone()).await {
            assert!(matches!(error, AppendError::Store(StoreError::Unavailable { .. })), "{error:?}");
        }
    })
    .await;
    let text = format!("{store:?} {store:#?}");
    assert!(!text.contains(CANARY), "{text}");
    assert!(!store.append(append).await.unwrap().positions.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_store_is_unusable() {
    let Some(database) = database().await else { return };
    let store = open(&options(database.url())).await;
    let (stream, projection) = (tally::stream("closed"), ProjectionId::new("closed", 1).unwrap());
    store.append(tally::append(&stream, 1)).await.unwrap();
    store.close().await.unwrap();
    let lease = Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration: Duration::ZERO,
        begin: None,
        takes_over: false,
    };
    let errors = [
        match store.append(tally::append(&stream, 2)).await.unwrap_err() {
            AppendError::Store(error) => error,
            conflict => panic!("{conflict}"),
        },
        store.read(&stream, StreamRange::default()).await.unwrap_err(),
        store.read_all(Position::START, &Filter::default(), 1).await.unwrap_err(),
        store.head().await.unwrap_err(),
        store.view(&projection, "key").await.unwrap_err(),
        store.acquire(&projection, lease).await.unwrap_err(),
        store.load(&stream, 1).await.unwrap_err(),
        store.blockers().await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Unusable(_)), "{error:?}");
    }
    store.close().await.unwrap();
}
