//! Writers whose transactions take their time and are often rolled back, and readers beside them.

use super::reader::Reader;
use super::scene::{append, run};
use es_core::EventStore;
use es_postgres::PostgresStore;
use futures::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: u64 = 12;
const ROLLBACKS_PERCENT: u32 = 15;
/// The longest that a transaction stays open, in microseconds.
const PAUSE_US_MAX: u32 = 20_000;

/// What was committed, in order.
pub struct Written {
    pub positions: Vec<u64>,
    pub rollbacks: usize,
}

/// Runs writers, each with a connection of its own, while `readers` read; gives the readers back when they have come to
/// the end.
pub async fn run_beside(
    store: &PostgresStore,
    connections: &PgConnectOptions,
    transactions: usize,
    readers: Vec<Reader>,
) -> (Written, Vec<Reader>) {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        readers.into_iter().map(|reader| tokio::spawn(follow(reader, done.clone()))).collect();
    let writers = (0..WRITERS).map(|writer| {
        let random = fastrand::Rng::with_seed(seed ^ writer);
        let options = connections.clone();
        let writer = Writer { store: store.clone(), number: writer, random, options };
        tokio::spawn(writer.run(transactions))
    });
    let outcomes: Vec<_> = join_all(writers).await.into_iter().map(|outcome| outcome.unwrap()).collect();
    done.store(true, Ordering::SeqCst);
    let readers = join_all(readers).await.into_iter().map(|reader| reader.unwrap()).collect();
    let mut positions: Vec<u64> = outcomes.iter().flatten().flatten().copied().collect();
    positions.sort_unstable();
    let rollbacks = outcomes.iter().flatten().filter(|positions| positions.is_empty()).count();
    (Written { positions, rollbacks }, readers)
}

async fn follow(mut reader: Reader, done: Arc<AtomicBool>) -> Reader {
    loop {
        let last = done.load(Ordering::SeqCst);
        if reader.read().await == 0 && last {
            return reader;
        }
        tokio::task::yield_now().await;
    }
}

struct Writer {
    store: PostgresStore,
    number: u64,
    random: fastrand::Rng,
    options: PgConnectOptions,
}

impl Writer {
    /// The positions that each transaction brought; none where it was rolled back.
    async fn run(mut self, transactions: usize) -> Vec<Vec<u64>> {
        let mut connection = self.options.clone().connect().await.unwrap();
        let mut outcomes = Vec::new();
        for _ in 0..transactions {
            let outcome = match self.random.u32(..4) {
                0 => self.append_by_itself().await,
                _ => self.append_in(&mut connection).await,
            };
            outcomes.push(outcome);
        }
        outcomes
    }

    fn key(&self) -> String {
        format!("writer-{}", self.number)
    }

    async fn append_by_itself(&mut self) -> Vec<u64> {
        let append = append(&self.key(), self.random.usize(1..4));
        let appended = self.store.append(append).await.unwrap();
        appended.positions.iter().map(|position| position.value()).collect()
    }

    async fn append_in(&mut self, connection: &mut PgConnection) -> Vec<u64> {
        run(connection, "BEGIN").await;
        let mut positions = Vec::new();
        for _ in 0..self.random.usize(1..3) {
            let append = append(&self.key(), self.random.usize(1..3));
            let appended = self.store.append_in(connection, vec![append]).await.unwrap();
            positions.extend(appended[0].positions.iter().map(|position| position.value()));
            let pause = f64::from(self.random.u32(..PAUSE_US_MAX)) / 1e6;
            run(connection, &format!("SELECT pg_sleep({pause})")).await;
        }
        if self.random.u32(..100) < ROLLBACKS_PERCENT {
            run(connection, "ROLLBACK").await;
            return Vec::new();
        }
        run(connection, "COMMIT").await;
        positions
    }
}
