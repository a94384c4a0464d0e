//! What a crash of the server takes back: numbers that were drawn and not used.

use super::reader::Reader;
use super::scene::{Transaction, appended, connect, log, number, options, private_server, run};
use es_core::EventStore;
use test_server::Settings;

const ROUNDS: usize = 3;

/// Draws numbers and writes nothing else, so that the records of it do not fill a page, which would be written.
const UNDONE: &str =
    "BEGIN; SELECT es.begin_append(), nextval('es.position_seq') FROM generate_series(1, 100); ROLLBACK";

/// Records that nobody waits for stay in memory, so that a crash loses them.
fn lazy() -> Settings {
    Settings::new().durable().with("wal_writer_delay", "10s").with("wal_writer_flush_after", "1GB")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_is_a_row_so_that_numbers_taken_back_by_a_crash_skip_nothing() {
    let Some(server) = private_server(lazy()) else { return };
    let url = server.url("postgres");
    let mut store = options(&url).open().await.unwrap();
    let (mut reader, mut twin) = (Reader::store(&store), Reader::horizon_as_cursor(&url).await);
    let mut all: Vec<u64> = Vec::new();
    for round in 0..ROUNDS {
        let written = appended(&store, "a", 3).await;
        all.extend(written.positions.iter().map(|position| position.value()));
        let mut connection = connect(&url).await;
        run(&mut connection, UNDONE).await;
        let horizon = number(&mut connection, "SELECT es.horizon()").await.cast_unsigned();
        reader.read().await;
        twin.read().await;
        assert!(horizon >= all.last().unwrap() + 100, "numbers that were rolled back raise the horizon");
        assert_eq!(twin.cursor(), horizon);
        assert_eq!(reader.cursor(), *all.last().unwrap(), "a cursor is a row that was read");

        server.stop_immediately().unwrap();
        server.start_again().unwrap();
        store = options(&url).open().await.unwrap();
        let mut connection = connect(&url).await;
        let drawn = number(&mut connection, "SELECT es.last_allocated()").await.cast_unsigned();
        println!("round {round}: the horizon was {horizon}, the sequence is at {drawn}");
        assert!(drawn >= *all.last().unwrap(), "never below a position that was committed");
        assert!(drawn < horizon, "a crash that takes nothing back shows nothing: {drawn}");
        reader = reader.reconnect(&url, &store).await;
        twin = twin.reconnect(&url, &store).await;
    }
    let written = appended(&store, "a", 1).await;
    all.push(written.position.value());
    reader.read().await;
    twin.read().await;
    assert_eq!(reader.seen, all, "every event once, in order");
    assert!(!twin.missed(&all).is_empty(), "the twin with the horizon as its cursor was not caught");
    assert_eq!(log(&store).await, all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_crash_and_no_position_is_used_again() {
    let Some(server) = private_server(lazy()) else { return };
    let url = server.url("postgres");
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let store = options(&url).open().await.unwrap();
        for key in ["a", "b"] {
            let written = appended(&store, key, 2).await;
            all.extend(written.positions.iter().map(|position| position.value()));
        }
        let mut undone = Transaction::begin(&url, &store).await;
        undone.append("undone").await;
        assert_eq!(store.blockers().await.unwrap().len(), 1);
        server.stop_immediately().unwrap();
        server.start_again().unwrap();
    }
    let store = options(&url).open().await.unwrap();
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    assert_eq!(log(&store).await, all);
    assert_eq!(store.blockers().await.unwrap(), [], "an open append ends with the server");
    assert!(store.head().await.unwrap().is_some());
    run(&mut connect(&url).await, "SELECT es.horizon()").await;
}
