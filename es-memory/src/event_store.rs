//! [`EventStore`] for [`MemoryStore`].

use crate::append::{Decision, Transaction};
use crate::late_commits::{HeldAppend, Stage};
use crate::store::{MemoryStore, State};
use async_trait::async_trait;
use es_core::{
    Append, AppendError, Appended, CommandId, Cursor, EventId, EventStore, Filter, LogPage, Position,
    StoreError, StreamId, StreamPage, StreamRange, WakeUps,
};
use tokio::sync::watch;

/// How far an append came without waiting.
enum Progress {
    Done(Vec<Appended>),
    /// An open transaction must be settled first.
    MustWait,
    /// Somebody else decides when it commits.
    Held(Vec<Appended>, watch::Receiver<Stage>),
    /// It commits by itself after some turns of the scheduler.
    Late(Vec<Appended>, HeldAppend, u64),
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.limits.check(&appends)?;
        loop {
            // Made before the look at the state, so that nothing is settled unnoticed in between.
            let settled = self.shared.settled.notified();
            match self.append_without_waiting(&appends)? {
                Progress::Done(answers) => return Ok(answers),
                Progress::MustWait => settled.await,
                Progress::Held(answers, stage) => return committed(answers, stage).await,
                Progress::Late(answers, held, turns) => {
                    for _ in 0..turns {
                        tokio::task::yield_now().await;
                    }
                    held.release();
                    return Ok(answers);
                }
            }
        }
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        Ok(self.lock().log.read(stream, range))
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        Ok(self.lock().log.read_all(after, filter, limit, self.visible))
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        Ok(self.lock().log.head(self.visible))
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        Ok(self.lock().log.event_id_at(position))
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        Ok(self.lock().log.commands.get(command_id).cloned())
    }

    fn wake_ups(&self) -> WakeUps {
        self.shared.wake_ups.subscribe()
    }
}

impl MemoryStore {
    fn append_without_waiting(&self, appends: &[Append]) -> Result<Progress, AppendError> {
        let mut state = self.lock();
        if state.log.must_wait(appends) {
            return Ok(Progress::MustWait);
        }
        let now = self.now();
        if let Decision::Repeated(answers) = state.log.decide(appends, now)? {
            return Ok(Progress::Done(answers));
        }
        if let Some(dice) = &self.late_commits {
            state.log.skip_positions(dice.positions_to_skip());
        }
        let transaction = state.log.begin(appends, now);
        if transaction.rows.is_empty() {
            return Ok(Progress::Done(state.log.commit(transaction)));
        }
        Ok(self.commit_or_hold(&mut state, transaction))
    }

    fn commit_or_hold(&self, state: &mut State, transaction: Transaction) -> Progress {
        let answers = transaction.answers.clone();
        if let Some(hold) = state.holds.pop_front() {
            let stage = hold.subscribe();
            hold.send_replace(Stage::open(&mut state.log, transaction));
            return Progress::Held(answers, stage);
        }
        match self.late_commits.as_ref().map_or(0, |dice| dice.turns_to_wait()) {
            0 => {
                state.log.commit(transaction);
                self.shared.wake_ups.wake();
                Progress::Done(answers)
            }
            turns => {
                let stage = Stage::open(&mut state.log, transaction);
                Progress::Late(answers, HeldAppend::new(&self.shared, stage), turns)
            }
        }
    }
}

/// Waits until the append is settled by whoever holds it.
async fn committed(
    answers: Vec<Appended>,
    mut stage: watch::Receiver<Stage>,
) -> Result<Vec<Appended>, AppendError> {
    match stage.wait_for(|stage| stage.is_settled()).await.map(|stage| *stage) {
        Ok(Stage::Committed) => Ok(answers),
        _ => {
            Err(StoreError::Unavailable { reason: "the append was rolled back".into(), source: None }.into())
        }
    }
}
