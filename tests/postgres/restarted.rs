//! A durable server that crashes and starts again under writers and readers.

use super::ground::{Row, answer, log, open, options, places, private_server, until};
use es_core::{AppendError, Cursor, EventId, EventStore, Filter, Position, StoreError, StreamId};
use es_postgres::PostgresStore;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use test_server::Settings;
use tests::tally;
use tokio::task::JoinHandle;

const ROUNDS: u64 = 5;
const WRITERS: u64 = 4;
/// How long to wait before what could not be reached is tried again.
const AGAIN: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Seen {
    is_over: AtomicBool,
    acked: AtomicU64,
    read: AtomicU64,
    unknown: AtomicU64,
    repeated: AtomicU64,
    unavailable: AtomicU64,
    /// Who was ever seen at a position.
    rows: Mutex<HashMap<Position, EventId>>,
}

impl Seen {
    fn row(&self, position: Position, event_id: EventId) {
        let before = self.rows.lock().unwrap().insert(position, event_id);
        assert!(before.is_none_or(|before| before == event_id), "position {position} was used again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_02_a_server_that_crashes_loses_nothing_acknowledged_and_uses_no_position_again() {
    let settings = Settings::new().durable().with("max_connections", "50");
    let Some(server) = private_server(settings) else { return };
    let store = open(&options(&server.url("postgres"))).await;
    let seen = Arc::new(Seen::default());
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer, seen.clone()))).collect();
    let readers = [Filter::default(), Filter::default().category("nothing")];
    let readers = readers.map(|filter| tokio::spawn(read(store.clone(), filter, seen.clone())));
    for _ in 0..ROUNDS {
        let (acked, read) = (seen.acked.load(Ordering::Relaxed), seen.read.load(Ordering::Relaxed));
        // Also proves that they have come back by themselves.
        until("there is something to lose", async || {
            assert!(!writers.iter().any(JoinHandle::is_finished), "a writer gave up");
            assert!(!readers.iter().any(JoinHandle::is_finished), "a reader gave up");
            seen.acked.load(Ordering::Relaxed) > acked + 50 && seen.read.load(Ordering::Relaxed) > read + 50
        })
        .await;
        tokio::task::block_in_place(|| {
            server.stop_immediately().unwrap();
            server.start_again().unwrap();
        });
    }
    let acked = seen.acked.load(Ordering::Relaxed);
    until("they are back", async || seen.acked.load(Ordering::Relaxed) > acked + 10).await;
    seen.is_over.store(true, Ordering::Relaxed);

    let mut told = Vec::new();
    for writer in writers {
        told.extend(answer("a writer", writer).await.unwrap());
    }
    for reader in readers {
        answer("a reader", reader).await.unwrap();
    }
    let log = log(&store).await;
    check(&log, &told, &seen);
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    println!(
        "{ROUNDS} crashes: {} acknowledged, {} unknown, {} of them stored, {} calls refused meanwhile, {} rows read",
        told.len(),
        count(&seen.unknown),
        count(&seen.repeated),
        count(&seen.unavailable),
        count(&seen.read)
    );
}

fn check(log: &[Row], told: &[(StreamId, u64, Position)], seen: &Seen) {
    let places = places(log);
    for (stream, number, position) in told {
        assert_eq!(places.get(&(stream.clone(), *number)), Some(position), "{stream} {number}");
    }
    assert_eq!(places.len(), told.len(), "each number was acknowledged in the end");
    let rows: HashMap<Position, EventId> = log.iter().map(|row| (row.position, row.event_id)).collect();
    // Of whatever was read or handed out as a cursor, nothing was taken back.
    for (position, event_id) in &*seen.rows.lock().unwrap() {
        assert_eq!(rows.get(position), Some(event_id), "position {position} was seen");
    }
}

async fn write(store: PostgresStore, writer: u64, seen: Arc<Seen>) -> Vec<(StreamId, u64, Position)> {
    let stream = tally::stream(&format!("writer-{writer}"));
    let mut told = Vec::new();
    let mut again = tokio::time::interval(AGAIN);
    for number in 1.. {
        if seen.is_over.load(Ordering::Relaxed) {
            break;
        }
        let appended = loop {
            match store.append(tally::append(&stream, number)).await {
                Ok(appended) => break appended,
                Err(AppendError::Store(StoreError::OutcomeUnknown { .. })) => {
                    seen.unknown.fetch_add(1, Ordering::Relaxed);
                }
                Err(AppendError::Store(StoreError::Unavailable { .. })) => {
                    seen.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => panic!("{error:?}"),
            }
            again.tick().await;
        };
        seen.row(appended.position, tally::event_id(&stream, number));
        seen.repeated.fetch_add(u64::from(appended.repeated), Ordering::Relaxed);
        seen.acked.fetch_add(1, Ordering::Relaxed);
        told.push((stream.clone(), number, appended.position));
    }
    told
}

/// Reads on from its cursor, which must stay a row of the log; notes every row and every cursor.
async fn read(store: PostgresStore, filter: Filter, seen: Arc<Seen>) {
    let mut cursor: Option<Cursor> = None;
    let mut again = tokio::time::interval(AGAIN);
    while !seen.is_over.load(Ordering::Relaxed) {
        let after = cursor.map_or(Position::START, |cursor| cursor.position);
        match store.read_all(after, &filter, 100).await {
            Ok(page) => {
                for event in &page.events {
                    assert!(event.position > after);
                    seen.row(event.position, event.event_id);
                }
                if let Some(cursor) = page.cursor {
                    seen.row(cursor.position, cursor.event_id);
                }
                seen.read.fetch_add(page.events.len() as u64, Ordering::Relaxed);
                cursor = page.cursor.or(cursor);
            }
            Err(error) => assert!(error.is_transient(), "{error:?}"),
        }
        again.tick().await;
    }
}
