//! Readers that come and go, holes at the end of the log, and a connection for `LISTEN` that is lost.

use super::cut::through_a_proxy;
use super::ground::{Plain, answer, database, log, open, options, until};
use es_core::{EventStore, Filter, Position, Projector, Subscription};
use es_postgres::PostgresStore;
use std::time::Duration;
use tests::proxy::Mode;
use tests::tally::{self, Count};

const ROUNDS: u64 = 20;
/// No test waits as long: whoever is woken is woken by something else.
const NEVER: Duration = Duration::from_secs(3_600);
pub const LISTENS: &str = "query LIKE 'LISTEN%'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_13_a_reader_that_starts_again_at_a_hole_neither_stalls_nor_skips() {
    let Some(database) = database().await else { return };
    let store = open(&options(database.url())).await;
    let projector = Projector::<Count>::new(store.clone());
    let mut plain = Plain::connect(database.url()).await;
    let mut dice = fastrand::Rng::with_seed(13);
    let stream = tally::stream("holes");
    let mut read: Vec<Position> = Vec::new();
    for number in 1..=ROUNDS {
        // Numbers that were drawn and given up, and a transaction that has begun to append and will not.
        let drawn = dice.u64(1..200);
        plain
            .run(&format!(
                "BEGIN; SELECT count(nextval('es.position_seq')) FROM generate_series(1, {drawn}); ROLLBACK"
            ))
            .await;
        plain.run("BEGIN").await;
        let held = tally::append(&tally::stream("held"), number);
        store.append_in(&mut plain.0, vec![held]).await.unwrap();
        // It comes after what is held, so nobody may have it yet.
        let appended = store.append(tally::append(&stream, number)).await.unwrap();
        let after = read.last().copied().unwrap_or(Position::START);
        let page = store.read_all(after, &Filter::default(), 10).await.unwrap();
        assert!(page.events.is_empty() && page.cursor.is_none() && !page.more);
        assert_eq!(store.head().await.unwrap().map_or(Position::START, |head| head.position), after);

        // A new reader every time; it waits already when the hole is made.
        let mut reader = Subscription::new(store.clone()).after(after).with_poll_interval(POLL);
        let next = tokio::spawn(async move { reader.next().await.unwrap().position });
        plain.run("ROLLBACK").await;
        let next = answer("the event behind the hole", next).await.unwrap();
        assert_eq!(next, appended.position);
        read.push(next);
        assert_eq!(answer("catching up", projector.catch_up()).await.unwrap(), next);
    }
    let log: Vec<Position> = log(&store).await.iter().map(|row| row.position).collect();
    assert_eq!(read, log);
    let count = projector.get(&stream.to_string()).await.unwrap();
    assert_eq!(count, Some(Count { events: ROUNDS, sum: ROUNDS * (ROUNDS + 1) / 2 }));
}

const POLL: Duration = Duration::from_millis(20);

/// The next event of a reader that polls every so often.
fn waiting(store: &PostgresStore, after: Position, poll: Duration) -> tokio::task::JoinHandle<Position> {
    let mut reader = Subscription::new(store.clone()).after(after).with_poll_interval(poll);
    tokio::spawn(async move { reader.next().await.unwrap().position })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_15_without_its_listening_connection_a_reader_polls_until_it_is_back() {
    let Some(database) = database().await else { return };
    let writer = open(&options(database.url()).without_notifications()).await;
    let reader = open(&options(database.url())).await;
    let notifying = open(&options(database.url())).await;
    let mut plain = Plain::connect(database.url()).await;
    until("both listen", async || plain.others(LISTENS).await == 2).await;
    let stream = tally::stream("listening");
    let mut after = Position::START;
    for number in 1..=3 {
        let before = plain.pids(LISTENS).await;
        assert_eq!(plain.terminate(LISTENS).await, 2);
        // Its store tells nobody, so only polling finds it.
        let next = waiting(&reader, after, POLL);
        let appended = writer.append(tally::append(&stream, 2 * number)).await.unwrap();
        assert_eq!(answer("an event found by polling", next).await.unwrap(), appended.position);

        until("both listen again", async || {
            let now = plain.pids(LISTENS).await;
            now.len() == 2 && now.iter().all(|pid| !before.contains(pid))
        })
        .await;
        let next = waiting(&reader, appended.position, NEVER);
        let appended = notifying.append(tally::append(&stream, 2 * number + 1)).await.unwrap();
        assert_eq!(answer("an event of which one is told", next).await.unwrap(), appended.position);
        after = appended.position;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_15_a_listening_connection_that_dies_silently_costs_no_event() {
    let Some(database) = database().await else { return };
    let (proxy, through) = through_a_proxy(database.url()).await;
    let writer = open(&options(database.url()).without_notifications()).await;
    let notifying = open(&options(database.url())).await;
    let reader = open(&options(database.url()).listen_url(&through).unwrap()).await;
    let mut plain = Plain::connect(database.url()).await;
    until("both listen", async || plain.others(LISTENS).await == 2).await;
    let stream = tally::stream("listening");
    proxy.set(Mode::Swallow);
    let next = waiting(&reader, Position::START, POLL);
    let appended = writer.append(tally::append(&stream, 1)).await.unwrap();
    assert_eq!(answer("an event found by polling", next).await.unwrap(), appended.position);
    // Lost on its way: the connection ends with the fault, and a new one is made.
    notifying.append(tally::append(&stream, 2)).await.unwrap();
    until("something was swallowed", async || {
        proxy.calm();
        proxy.cuts() > 0 || {
            proxy.set(Mode::Swallow);
            notifying.append(tally::append(&stream, 3)).await.unwrap();
            false
        }
    })
    .await;
    until("both listen again", async || plain.others(LISTENS).await == 2).await;
    let head = reader.head().await.unwrap().unwrap().position;
    let next = waiting(&reader, head, NEVER);
    let appended = notifying.append(tally::append(&stream, 4)).await.unwrap();
    assert_eq!(answer("an event of which one is told", next).await.unwrap(), appended.position);
}
