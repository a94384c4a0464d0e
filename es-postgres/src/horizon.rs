//! [`Horizon`]: the one reader per process of the position below which everything is settled.

use crate::connections::{Connections, Loan};
use crate::errors::Failed;
use crate::statements::STORE;
use es_core::metrics::HORIZON_DISTANCE;
use metrics::Gauge;
use sqlx::{Row, SqlStr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// How many readers wait for the next answer at most; who comes then waits for a place.
const ASKING_MAX: usize = 1_024;

type Answer = oneshot::Sender<Result<i64, Failed>>;

/// Asks for all who wait at once: whoever comes while a question is under way waits for the next one, since an answer
/// must not be older than the question.
pub(crate) struct Horizon {
    questions: mpsc::Sender<Answer>,
    seen: Arc<Seen>,
}

/// What was seen last.
struct Seen {
    horizon: AtomicI64,
    distance: Gauge,
}

impl Seen {
    fn learn(&self, horizon: i64, distance: i64) {
        self.distance.set(distance as f64);
        self.horizon.store(horizon, Ordering::Relaxed);
    }
}

impl Horizon {
    /// Starts the task that asks. It ends with this.
    pub(crate) fn start(connections: Connections, sql: SqlStr) -> Self {
        let (questions, asked) = mpsc::channel(ASKING_MAX);
        let distance = HORIZON_DISTANCE.gauge(&[STORE]);
        let seen = Arc::new(Seen { horizon: AtomicI64::new(0), distance });
        tokio::spawn(answer(asked, connections, sql, Arc::clone(&seen)));
        Self { questions, seen }
    }

    /// About where it was when it was last asked for: a hint of how long the log is, and no bound.
    pub(crate) fn seen(&self) -> i64 {
        self.seen.horizon.load(Ordering::Relaxed)
    }

    /// Somebody has read it with rows, with its distance from the last number that was drawn.
    pub(crate) fn learn(&self, horizon: i64, distance: i64) {
        self.seen.learn(horizon, distance);
    }

    /// The position up to which nothing will appear any more. Rows are read in a later statement than this one.
    pub(crate) async fn now(&self) -> Result<i64, Failed> {
        let (answer, answered) = oneshot::channel();
        self.questions.send(answer).await.map_err(|_| Failed::closed())?;
        answered.await.map_err(|_| Failed::closed())?
    }
}

async fn answer(mut asked: mpsc::Receiver<Answer>, connections: Connections, sql: SqlStr, seen: Arc<Seen>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, ASKING_MAX).await > 0 {
        let horizon = one(&connections, sql.clone()).await.map(|(horizon, distance)| {
            seen.learn(horizon, distance);
            horizon
        });
        for answer in waiting.drain(..) {
            // Who went away needs no answer.
            let _ = answer.send(horizon.clone());
        }
    }
}

async fn one(connections: &Connections, sql: SqlStr) -> Result<(i64, i64), Failed> {
    ask(&mut connections.borrow().await?, sql).await
}

/// The horizon, and its distance from the last position that was given out.
pub(crate) async fn ask(loan: &mut Loan, sql: SqlStr) -> Result<(i64, i64), Failed> {
    let row = loan.rows(sqlx::query(sql)).await?.pop().ok_or(sqlx::Error::RowNotFound);
    let answer = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    answer.map_err(Failed::under_way)
}
