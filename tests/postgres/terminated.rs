//! Every connection is ended by the server, again and again.

use super::ground::{Plain, answer, database, log, open, options, places, until};
use es_core::{AppendError, EventStore, StoreError, Subscription};
use es_postgres::PostgresStore;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tests::tally;

const WRITERS: u64 = 6;
const ERRORS_MIN: u64 = 60;
const NUMBERS_MIN: u64 = 100;

#[derive(Default)]
struct Seen {
    errors: AtomicU64,
    unknown: AtomicU64,
    repeated: AtomicU64,
    read_errors: AtomicU64,
    enough: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_03_writers_whose_connections_are_terminated_try_again_and_have_one_effect() {
    let Some(database) = database().await else { return };
    let store = open(&options(database.url())).await;
    let seen = Arc::new(Seen::default());
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(store.clone(), writer, seen.clone()))).collect();
    let reader = tokio::spawn(read(store.clone(), seen.clone()));

    let mut plain = Plain::connect(database.url()).await;
    let (mut rounds, mut ended) = (0, 0);
    let mut pause = tokio::time::interval(Duration::from_millis(10));
    until("there are enough errors", async || {
        pause.tick().await;
        ended += plain.terminate("true").await;
        rounds += 1;
        seen.errors.load(Ordering::Relaxed) >= ERRORS_MIN
    })
    .await;
    seen.enough.store(true, Ordering::Relaxed);

    let mut acked = Vec::new();
    for writer in writers {
        acked.extend(answer("a writer", writer).await.unwrap());
    }
    let log = log(&store).await;
    let places = places(&log);
    assert_eq!(places.len(), acked.len(), "nothing is there that was not acknowledged in the end");
    for (stream, number, position) in &acked {
        assert_eq!(places.get(&(stream.clone(), *number)), Some(position));
    }
    let last = log.last().unwrap().position;
    let read = answer("the reader", reader).await.unwrap();
    let upto = log.iter().filter(|row| row.position <= *read.last().unwrap()).map(|row| row.position);
    assert_eq!(read, upto.collect::<Vec<_>>(), "a reader skips and repeats nothing");
    assert!(*read.last().unwrap() <= last);
    let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
    println!(
        "{rounds} rounds ended {ended} connections: {} failed appends, {} of them unknown, {} of these committed, \
         {} failed reads, {} events",
        count(&seen.errors),
        count(&seen.unknown),
        count(&seen.repeated),
        count(&seen.read_errors),
        log.len()
    );
}

async fn write(
    store: PostgresStore,
    writer: u64,
    seen: Arc<Seen>,
) -> Vec<(es_core::StreamId, u64, es_core::Position)> {
    let stream = tally::stream(&format!("writer-{writer}"));
    let mut acked = Vec::new();
    for number in 1.. {
        if seen.enough.load(Ordering::Relaxed) && number > NUMBERS_MIN {
            break;
        }
        loop {
            match store.append(tally::append(&stream, number)).await {
                Ok(appended) => {
                    seen.repeated.fetch_add(u64::from(appended.repeated), Ordering::Relaxed);
                    acked.push((stream.clone(), number, appended.position));
                    break;
                }
                Err(AppendError::Store(error)) if error.is_transient() => {
                    let unknown = matches!(error, StoreError::OutcomeUnknown { .. });
                    seen.errors.fetch_add(1, Ordering::Relaxed);
                    seen.unknown.fetch_add(u64::from(unknown), Ordering::Relaxed);
                }
                Err(error) => panic!("not of the transient class: {error:?}"),
            }
        }
    }
    acked
}

/// Reads until there is enough; gives the positions.
async fn read(store: PostgresStore, seen: Arc<Seen>) -> Vec<es_core::Position> {
    let mut subscription = Subscription::new(store);
    let mut read = Vec::new();
    while !seen.enough.load(Ordering::Relaxed) || read.is_empty() {
        match subscription.next().await {
            Ok(event) => read.push(event.position),
            Err(error) if error.is_transient() => {
                seen.read_errors.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => panic!("not of the transient class: {error:?}"),
        }
    }
    read
}
