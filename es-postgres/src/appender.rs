//! [`Appender`]: sends batches over one connection or another, and makes answers of what comes back.

use crate::batch::{Batch, Verdict};
use crate::errors::Failed;
use crate::known::Seen;
use crate::look_up::{Asks, answer_known};
use crate::sql::Sql;
use crate::statements::Statements;
use crate::wake::{Telling, Wake};
use es_core::{Append, AppendError, Appended, StoreError};
use sqlx::postgres::PgRow;
use std::sync::Arc;
use std::time::Duration;

/// How often a call is sent when other processes' appends to its streams are in the way.
pub(crate) const RACES_MAX: u32 = 200;
/// How many of these follow each other without a pause.
const RACES_AT_ONCE: u32 = 3;
/// The longest pause between them.
const RACE_PAUSE_MAX: Duration = Duration::from_millis(20);

pub(crate) struct Appender<A> {
    pub(crate) asks: A,
    pub(crate) sql: Arc<Sql>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) statements: Statements,
}

impl<A: Asks> Appender<A> {
    pub(crate) async fn send(&mut self, batch: &Batch<'_>) -> Result<Vec<Verdict>, Failed> {
        let wake = Arc::clone(&self.wake);
        let telling = if batch.can_tell() { wake.telling() } else { None };
        // One statement to whoever counts, also where it takes a second one to tell why nothing was written.
        let in_flight = self.statements.begin(batch.calls());
        let mut rows = self.rows(batch, telling).await?;
        let judged = batch.to_be_judged(&rows);
        if let Some(judged) = &judged {
            rows = self.rows(judged, telling).await?;
        }
        drop(in_flight);
        let verdicts = judged.as_ref().unwrap_or(batch).verdicts(rows.first()).map_err(Failed::unreadable)?;
        if verdicts.iter().any(Verdict::has_events) {
            wake.appended(telling);
        }
        Ok(verdicts)
    }

    async fn rows(&mut self, batch: &Batch<'_>, telling: Option<Telling<'_>>) -> Result<Vec<PgRow>, Failed> {
        let query = batch.query(&self.sql, telling.map(|telling| telling.channel));
        self.asks.rows(query).await
    }

    /// Appends one call, again when another process was faster on one of its streams, which `races` counts.
    pub(crate) async fn append_alone(
        &mut self,
        appends: &[Append],
        races: &mut u32,
    ) -> Result<Result<Vec<Appended>, AppendError>, Failed> {
        let batch = Batch::alone(appends);
        loop {
            match self.send(&batch).await {
                Ok(verdicts) => {
                    let verdict = verdicts.into_iter().next().unwrap_or(Verdict::Known(None));
                    return Ok(self.settle(appends, verdict).await);
                }
                Err(failed) if failed.is_lost_race() || failed.is_collision() => {
                    *races += 1;
                    if *races >= RACES_MAX {
                        return if failed.is_lost_race() {
                            Ok(Err(always_late(*races).into()))
                        } else {
                            Err(failed)
                        };
                    }
                    pause_after(*races).await;
                }
                Err(failed) => return Err(failed),
            }
        }
    }

    /// Makes an answer of a verdict.
    pub(crate) async fn settle(
        &mut self,
        appends: &[Append],
        verdict: Verdict,
    ) -> Result<Vec<Appended>, AppendError> {
        match verdict {
            Verdict::Written(answers) => Ok(answers),
            Verdict::Refused(error) => Err(error),
            Verdict::Known(seen) => self.answer_known(appends, seen).await,
        }
    }

    pub(crate) async fn answer_known(
        &mut self,
        appends: &[Append],
        seen: Option<Vec<Seen>>,
    ) -> Result<Vec<Appended>, AppendError> {
        answer_known(&mut self.asks, &self.sql, appends, seen).await
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
