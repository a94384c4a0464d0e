//! The network ends at every byte of an append.

use super::ground::{Plain, answer, database, log, open, options, places, until};
use es_core::{AppendError, EventStore, StoreError};
use es_postgres::PostgresStore;
use std::net::SocketAddr;
use tests::proxy::{Direction, Proxy};
use tests::tally;

/// Every byte of an append that connects first would take thousands of cuts.
const COLD_STEP: usize = 29;

#[derive(Debug, Default)]
struct Counts {
    cuts: u64,
    unknown: u64,
    unavailable: u64,
    committed: u64,
}

struct Cutter {
    proxy: Proxy,
    store: PostgresStore,
    plain: Plain,
    next: u64,
}

/// The address of the server in a URL, and the same URL through a proxy in front of it.
pub async fn through_a_proxy(url: &str) -> (Proxy, String) {
    let (front, rest) = url.split_once('@').unwrap();
    let (address, rest) = rest.split_once('/').unwrap();
    let server = tokio::net::lookup_host(address).await.unwrap().find(SocketAddr::is_ipv4).unwrap();
    let proxy = Proxy::start(server).await.unwrap();
    let rest = rest.split('?').next().unwrap();
    let url = format!("{front}@127.0.0.1:{}/{rest}?sslmode=disable", proxy.port());
    (proxy, url)
}

impl Cutter {
    async fn new(url: &str) -> Self {
        let (proxy, through) = through_a_proxy(url).await;
        let store = open(&options(&through).lanes(1).without_notifications()).await;
        Self { proxy, store, plain: Plain::connect(url).await, next: 1 }
    }

    /// Appends the next number while the connection ends after so many bytes; false when the append was answered
    /// before.
    async fn cut(&mut self, direction: Direction, bytes: usize, counts: &mut Counts) -> bool {
        let append = tally::append(&tally::stream("cut"), self.next);
        self.next += 1;
        self.proxy.cut_after(direction, bytes);
        let first = answer("an append", self.store.append(append.clone())).await;
        let error = match first {
            Ok(appended) => {
                assert!(!appended.repeated);
                // The cut may still be to come.
                self.proxy.calm();
                return false;
            }
            Err(AppendError::Store(error)) => error,
            Err(conflict) => panic!("{conflict}"),
        };
        counts.cuts += 1;
        // The server may still be at it. One connection remains, that of the pool.
        until("the server has noticed", async || self.plain.others("true").await <= 1).await;
        let id = append.events[0].event_id;
        let committed = format!("SELECT count(*) FROM es.events WHERE event_id = '{id}'");
        let committed = self.plain.number(&committed).await == 1;
        counts.committed += u64::from(committed);
        match error {
            StoreError::OutcomeUnknown { .. } => counts.unknown += 1,
            StoreError::Unavailable { .. } => {
                counts.unavailable += 1;
                assert!(!committed, "{direction:?} {bytes}: it was said that nothing was stored");
            }
            other => panic!("{direction:?} {bytes}: {other}"),
        }
        let again = self.store.append(append).await.unwrap();
        assert_eq!(again.repeated, committed, "{direction:?} {bytes}");
        true
    }

    /// Ends the connection of the lane by an append that does not arrive.
    async fn end_the_connection(&mut self) {
        self.proxy.cut_after(Direction::Request, 0);
        let lost = self.store.append(tally::append(&tally::stream("lost"), self.next)).await;
        let unknown = matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. })));
        assert!(unknown, "{lost:?}");
        until("the lane's is gone", async || self.plain.others("true").await <= 1).await;
    }

    /// Every number once.
    async fn check(&self) {
        let places = places(&log(&self.store).await);
        assert_eq!(places.len() as u64, self.next - 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_04_an_append_that_is_cut_at_any_byte_has_one_effect_when_it_is_sent_again() {
    let Some(database) = database().await else { return };
    let mut cutter = Cutter::new(database.url()).await;
    // Connects the lane and prepares its statement.
    assert!(!cutter.cut(Direction::Reply, usize::MAX, &mut Counts::default()).await);
    for direction in [Direction::Request, Direction::Reply] {
        let mut counts = Counts::default();
        let mut bytes = 0;
        while cutter.cut(direction, bytes, &mut counts).await {
            bytes += 1;
        }
        println!("{direction:?}: {counts:?}");
        assert!(counts.cuts > 100, "{direction:?} has {} bytes only", counts.cuts);
        assert_eq!(counts.unknown, counts.cuts, "a statement that was sent is not known to have failed");
        if direction == Direction::Reply {
            assert_eq!(counts.committed, counts.cuts, "what is answered was committed before");
        }
    }
    cutter.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_04_an_append_that_has_to_connect_first_can_be_cut_there_too() {
    let Some(database) = database().await else { return };
    let mut cutter = Cutter::new(database.url()).await;
    assert!(!cutter.cut(Direction::Reply, usize::MAX, &mut Counts::default()).await);
    for direction in [Direction::Request, Direction::Reply] {
        let mut counts = Counts::default();
        let mut bytes = 0;
        loop {
            cutter.end_the_connection().await;
            if !cutter.cut(direction, bytes, &mut counts).await {
                break;
            }
            bytes += COLD_STEP;
        }
        println!("{direction:?}, connecting: {counts:?}");
        assert!(counts.unavailable > 0 && counts.unknown > 0, "{counts:?}");
    }
    cutter.check().await;
}
