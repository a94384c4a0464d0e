//! [`Lanes`]: the tasks that append, each with a connection of its own.
//!
//! Callers put calls into a bounded queue and wait for the answer. A task never stops half way through a statement, so
//! a caller that goes away changes nothing; and what was queued while a statement was under way goes out as the next
//! one. A stream belongs to one lane, so that two statements of one process never meet on a stream.

use crate::batch::{Batch, Verdict, known, known_queries};
use crate::errors::Failed;
use crate::known::{Seen, names_one_id_twice};
use crate::session::{Query, Session, SessionOptions};
use crate::sql::Sql;
use crate::wake::Wake;
use chrono::Utc;
use es_core::{Append, AppendError, Appended, Position, StoreError, StreamId, Version};
use sqlx::postgres::PgRow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How many calls wait for a lane at most; who comes then waits for a place.
const QUEUE_CALLS_MAX: usize = 1_024;
/// How many calls go into one statement at most.
const BATCH_CALLS_MAX: usize = 256;
/// The events after which a statement takes no further call.
const BATCH_EVENTS_MAX: usize = 10_000;
/// The payload bytes after which a statement takes no further call.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often a call is sent when other processes' appends to its streams are in the way.
pub(crate) const RACES_MAX: u32 = 200;
/// How many of these follow each other without a pause.
const RACES_AT_ONCE: u32 = 3;
/// The longest pause between them.
const RACE_PAUSE_MAX: Duration = Duration::from_millis(20);
/// How long a stream on which a race was lost is appended to by itself, so that others do not suffer.
const CONTENDED_FOR: Duration = Duration::from_secs(1);
/// How many such streams are remembered.
const CONTENDED_MAX: usize = 1_024;

/// The callers' side.
pub(crate) struct Lanes {
    lanes: Vec<mpsc::Sender<Job>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

enum Job {
    Append(Call),
    /// Do what is queued and end.
    Close,
}

struct Call {
    appends: Vec<Append>,
    answer: oneshot::Sender<Result<Vec<Appended>, AppendError>>,
}

impl Lanes {
    pub(crate) fn start(lanes: usize, options: &SessionOptions, sql: &Arc<Sql>, wake: &Arc<Wake>) -> Self {
        let start = |_| {
            let (jobs, queue) = mpsc::channel(QUEUE_CALLS_MAX);
            let lane = Lane {
                session: None,
                options: options.clone(),
                sql: Arc::clone(sql),
                wake: Arc::clone(wake),
                queue,
                waiting: VecDeque::new(),
                contended: HashMap::new(),
            };
            (jobs, tokio::spawn(lane.run()))
        };
        let (lanes, tasks) = (0..lanes.max(1)).map(start).unzip();
        Self { lanes, tasks: Mutex::new(tasks) }
    }

    /// Appends one call, which is not empty.
    pub(crate) async fn append(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let lane = &self.lanes[lane_of(&appends[0].stream, self.lanes.len())];
        let (answer, answered) = oneshot::channel();
        let closed = || StoreError::from(Failed::closed());
        lane.send(Job::Append(Call { appends, answer })).await.map_err(|_| closed())?;
        let gone = || StoreError::OutcomeUnknown { source: "the task that appends has ended".into() };
        answered.await.unwrap_or_else(|_| Err(gone().into()))
    }

    /// Does what is queued, refuses what comes later, and closes the connections.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        for lane in &self.lanes {
            // Somebody else may have closed it before; the task ends in any case.
            let _ = lane.send(Job::Close).await;
        }
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.await.map_err(|error| StoreError::Backend(Box::new(error)))?;
        }
        Ok(())
    }
}

fn lane_of(stream: &StreamId, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    (hasher.finish() % lanes as u64) as usize
}

struct Lane {
    session: Option<Session>,
    options: SessionOptions,
    sql: Arc<Sql>,
    wake: Arc<Wake>,
    queue: mpsc::Receiver<Job>,
    waiting: VecDeque<Call>,
    /// Streams that other processes append to as well, and until when they are appended to by themselves.
    contended: HashMap<StreamId, Instant>,
}

impl Lane {
    async fn run(mut self) {
        while self.wait_for_calls().await {
            let batch = self.next_batch();
            self.append(batch).await;
        }
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    /// Takes what is queued; waits only where nothing is. False: there will be nothing more.
    async fn wait_for_calls(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.queue.recv().await {
                Some(Job::Append(call)) => self.waiting.push_back(call),
                Some(Job::Close) => {
                    self.queue.close();
                    return Box::pin(self.wait_for_calls()).await;
                }
                None => return false,
            }
        }
        while self.waiting.len() < QUEUE_CALLS_MAX {
            match self.queue.try_recv() {
                Ok(Job::Append(call)) => self.waiting.push_back(call),
                Ok(Job::Close) => self.queue.close(),
                Err(_) => break,
            }
        }
        true
    }

    /// The calls of the next statement: a stream occurs once, calls for one stream keep their order, and a contended
    /// stream's call goes alone.
    fn next_batch(&mut self) -> Vec<Call> {
        let now = Instant::now();
        self.contended.retain(|_, until| *until > now);
        let (mut batch, mut rest) = (Vec::new(), VecDeque::new());
        let mut streams = HashSet::new();
        let (mut events, mut bytes) = (0, 0);
        while let Some(call) = self.waiting.pop_front() {
            let alone = call.appends.iter().any(|append| self.contended.contains_key(&append.stream));
            let free = call.appends.iter().all(|append| !streams.contains(&append.stream));
            streams.extend(call.appends.iter().map(|append| append.stream.clone()));
            let full =
                events >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX || batch.len() >= BATCH_CALLS_MAX;
            if !free || full || (alone && !batch.is_empty()) {
                rest.push_back(call);
                continue;
            }
            events += call.appends.iter().map(|append| append.events.len()).sum::<usize>();
            bytes += payload_bytes(&call.appends);
            batch.push(call);
            if alone {
                break;
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        batch
    }

    async fn append(&mut self, calls: Vec<Call>) {
        let (odd, calls): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| names_one_id_twice(&call.appends));
        for call in odd {
            let answer = self.answer_known(&call.appends, None).await;
            self.answer(call, answer.and_then(|answer| answer.ok_or_else(|| not_known().into())));
        }
        if calls.is_empty() {
            return;
        }
        let batch = Batch::of(calls.iter().map(|call| &call.appends[..]));
        match self.send(&batch).await {
            Ok(verdicts) => {
                for (call, verdict) in std::iter::zip(calls, verdicts) {
                    let answer = self.settle(&call.appends, verdict).await;
                    self.answer(call, answer);
                }
            }
            // Nothing was written. One of the calls is to blame, and the others should not suffer.
            Err(failed) if failed.left_the_connection_usable() => {
                for call in calls {
                    let answer = self.append_alone(&call.appends).await;
                    self.answer(call, answer);
                }
            }
            Err(failed) => {
                for call in calls {
                    self.answer(call, Err(failed.clone().into()));
                }
            }
        }
    }

    /// Appends one call, again when another process was faster on one of its streams.
    async fn append_alone(&mut self, appends: &[Append]) -> Result<Vec<Appended>, AppendError> {
        let batch = Batch::of([appends]);
        for race in 1.. {
            match self.send(&batch).await {
                Ok(verdicts) => {
                    let verdict = verdicts.into_iter().next().ok_or_else(not_known)?;
                    return self.settle(appends, verdict).await;
                }
                Err(failed) if (failed.is_lost_race() || failed.is_collision()) && race < RACES_MAX => {
                    self.is_contended(appends);
                    pause_after(race).await;
                }
                Err(failed) if failed.is_lost_race() => return Err(always_late(race).into()),
                Err(failed) => return Err(failed.into()),
            }
        }
        unreachable!("a loop without an end has returned")
    }

    fn is_contended(&mut self, appends: &[Append]) {
        if self.contended.len() < CONTENDED_MAX {
            let until = Instant::now() + CONTENDED_FOR;
            self.contended.extend(appends.iter().map(|append| (append.stream.clone(), until)));
        }
    }

    async fn send(&mut self, batch: &Batch<'_>) -> Result<Vec<Verdict>, Failed> {
        let query = batch.query(self.sql.append.clone());
        let rows = self.rows(query).await?;
        batch.verdicts(rows.first()).map_err(Failed::unreadable)
    }

    /// Makes an answer of a verdict.
    async fn settle(&mut self, appends: &[Append], verdict: Verdict) -> Result<Vec<Appended>, AppendError> {
        match verdict {
            Verdict::Written(answers) => {
                if answers.iter().any(|answer| !answer.positions.is_empty()) {
                    self.wake.appended();
                }
                Ok(answers)
            }
            Verdict::Refused(error) => Err(error),
            Verdict::Known(seen) => {
                let answer = self.answer_known(appends, Some(&seen)).await?;
                answer.ok_or_else(|| not_known().into())
            }
        }
    }

    /// Looks up what was recorded of a call, which never changes any more.
    async fn answer_known(
        &mut self,
        appends: &[Append],
        seen: Option<&[Seen]>,
    ) -> Result<Option<Vec<Appended>>, AppendError> {
        let (by_id, commands) = (self.sql.events_by_id.clone(), self.sql.commands_by_id.clone());
        let [events, commands] = known_queries(appends, by_id, commands);
        let events = self.rows(events).await.map_err(StoreError::from)?;
        let commands = self.rows(commands).await.map_err(StoreError::from)?;
        let known = known(&events, &commands)?;
        let nothing = Seen { head: Version::ZERO, log_head: Position::START, at: Utc::now() };
        let seen = seen.map_or_else(|| vec![nothing; appends.len()], <[Seen]>::to_vec);
        known.answer(appends, &seen)
    }

    async fn rows(&mut self, query: Query) -> Result<Vec<PgRow>, Failed> {
        let session = match &mut self.session {
            Some(session) => session,
            None => self.session.insert(self.options.open().await?),
        };
        let result = session.rows(query).await;
        if result.as_ref().is_err_and(Failed::lost_the_connection) {
            self.session = None;
        }
        result
    }

    fn answer(&self, call: Call, answer: Result<Vec<Appended>, AppendError>) {
        // A caller that went away needs no answer.
        let _ = call.answer.send(answer);
    }
}

/// Waits before a call is sent again, a little longer each time.
pub(crate) async fn pause_after(race: u32) {
    if race > RACES_AT_ONCE {
        let pause = RACE_PAUSE_MAX.min(Duration::from_millis(u64::from(race)));
        tokio::time::sleep(pause.mul_f64(fastrand::f64())).await;
    }
}

pub(crate) fn always_late(races: u32) -> StoreError {
    StoreError::Unavailable {
        reason: format!("other writers were faster {races} times").into(),
        source: None,
    }
}

pub(crate) fn not_known() -> StoreError {
    StoreError::Corrupt("an id is taken by nothing in the store".into())
}

fn payload_bytes(appends: &[Append]) -> usize {
    appends.iter().flat_map(|append| &append.events).map(|event| event.payload.as_bytes().len()).sum()
}
