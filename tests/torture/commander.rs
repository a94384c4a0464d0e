//! Commanders: carry out commands on counters that several of them share.

use super::event::{Count, Counter, Ids};
use super::line::{Line, Verdict};
use super::witness::chain;
use super::worker::Desk;
use anyhow::Result;
use es_core::{CommandId, ExecuteError, Metadata, Repository, Snapshots, Store, StoreError};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The category of the counters' streams: the name of [`Counter`].
pub const CATEGORY: &str = "counter";

/// How many counters there are.
const COUNTERS: u64 = 6;

/// The longest pause between two commands.
const PACE_MS: u64 = 12;

/// How often to send a command whose outcome is unknown.
const TRIES_MAX: u32 = 200;

struct Commander {
    desk: Desk,
    counters: Repository<Counter>,
    dice: Rng,
}

struct Sent {
    command: CommandId,
    counter: String,
    amount: u64,
}

/// Sends commands until the run wants no more.
///
/// # Errors
/// When the journal cannot be written.
pub async fn command(desk: &Desk, store: Arc<dyn Store>, task: u8) -> Result<()> {
    let job = &desk.job;
    let ids = Ids::new(job.seed, job.worker, task, job.incarnation);
    let mut dice = desk.dice(task);
    let mut counters = Repository::<Counter>::new(store).with_ids(ids);
    if dice.bool() {
        counters = counters.with_cache(2);
    }
    if dice.bool() {
        counters = counters.with_snapshots(Snapshots::every(20));
    }
    let mut commander = Commander { desk: desk.clone(), counters, dice };
    for sent in unanswered(&desk.past) {
        commander.send(&sent).await?;
    }
    let mut number = 0_u64;
    while desk.orders.is_work() {
        number += 1;
        let command = CommandId::new(format!("c{}-{}-{number}", job.worker, job.incarnation))?;
        let counter = commander.dice.u64(..COUNTERS).to_string();
        let sent = Sent { command, counter, amount: commander.dice.u64(1..100) };
        let Sent { command, counter, amount } = &sent;
        let line = Line::Command { command: command.clone(), counter: counter.clone(), amount: *amount };
        desk.journal.write(&line).await?;
        commander.send(&sent).await?;
        let pace = Duration::from_millis(commander.dice.u64(..PACE_MS));
        commander.desk.orders.pause(pace).await;
    }
    commander.counters.settle().await;
    Ok(())
}

/// What an earlier life was about to do.
fn unanswered(past: &[Line]) -> Vec<Sent> {
    let mut open = BTreeMap::new();
    for line in past {
        match line {
            Line::Command { command, counter, amount } => {
                open.insert(command.clone(), (counter.clone(), *amount));
            }
            Line::Answered { command, .. } => {
                open.remove(command);
            }
            _ => (),
        }
    }
    let sent = |(command, (counter, amount))| Sent { command, counter, amount };
    open.into_iter().map(sent).collect()
}

impl Commander {
    /// Sends the command until it is answered, and at times once more.
    async fn send(&mut self, sent: &Sent) -> Result<()> {
        let Sent { command, counter, amount } = sent;
        let counters = self.counters.with(Metadata::new().command(command.clone()));
        let mut outcome = None;
        for tries in 1..=TRIES_MAX {
            let verdict = match counters.execute(counter.clone(), Count { amount: *amount }).await {
                Ok(done) => {
                    let last = done.events.last().map(|event| event.version.value());
                    let version = last.unwrap_or(done.version.value());
                    Verdict::Done { total: done.state.total, version }
                }
                Err(ExecuteError::Rejected(_) | ExecuteError::Conflict(_)) => Verdict::Refused,
                Err(ExecuteError::Store(error)) if error.is_transient() => {
                    // A server that starts again may take its time on a slow machine.
                    let pace = PACE_MS * u64::from(tries.min(25));
                    self.desk.orders.pause(Duration::from_millis(pace)).await;
                    continue;
                }
                Err(ExecuteError::Store(error)) => return self.unexpected(&error).await,
            };
            outcome = Some(verdict);
            let line = Line::Answered { command: command.clone(), outcome: verdict };
            self.desk.journal.write(&line).await?;
            // A command that was carried out is answered again, and has no second effect.
            if verdict == Verdict::Refused || self.dice.u32(..8) != 0 {
                break;
            }
        }
        match outcome {
            Some(_) => Ok(()),
            None => self.desk.failed("a command", "sent 200 times, and never answered").await,
        }
    }

    async fn unexpected(&self, error: &StoreError) -> Result<()> {
        self.desk.failed("a command", chain(error)).await
    }
}
