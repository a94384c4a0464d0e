//! Writers that append to accounts of their own.

use super::server;
use crate::account::{balance_of_history, history};
use crate::check::check_count;
use crate::measure::{Meter, Times};
use crate::{Contender, Job, Outcome, Task};
use anyhow::Result;
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// The number of the first account; those below were there before.
const FIRST: u64 = 1 << 32;
/// How many accounts a writer appends to, in turn.
const ACCOUNTS: u64 = 16;

struct Done {
    times: Times,
    acknowledged: u64,
    failed: u64,
    error: Option<String>,
}

pub(super) async fn run<C: Contender>(contender: C, job: &Job) -> Result<Outcome> {
    let Task::Append { before, writers, appends, events } = job.task else {
        anyhow::bail!("expected a task of appends, found {:?}", job.task)
    };
    let contender = Arc::new(contender);
    let mut all = Vec::new();
    for writer in 0..writers {
        let mut own = Vec::new();
        for nth in 0..ACCOUNTS.min(appends) {
            let account = FIRST + writer * ACCOUNTS + nth;
            own.push((account, 0, contender.writer(account).await?));
        }
        all.push(own);
    }
    let meter = Meter::start(server(&*contender, job));
    let mut tasks = JoinSet::new();
    for own in all {
        tasks.spawn(write(Arc::clone(&contender), own, appends, events));
    }
    let mut sum = Done { times: Times::new(), acknowledged: 0, failed: 0, error: None };
    let mut accounts = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (done, own) = ended?;
        sum.times.add(&done.times);
        sum.acknowledged += done.acknowledged;
        sum.failed += done.failed;
        sum.error = sum.error.take().or(done.error);
        accounts.extend(own);
    }
    let mut outcome = meter.stop();
    outcome.units = sum.acknowledged;
    outcome.errors = sum.failed;
    outcome.error = sum.error;
    outcome.latency = Some(sum.times.latency());
    outcome.wrong = check_count(&*contender, before + sum.acknowledged, sum.failed).await?;
    for (account, version) in accounts {
        if outcome.wrong.is_some() || sum.failed > 0 {
            break;
        }
        let (found, expected) = (contender.balance(account).await?, balance_of_history(account, version));
        if found != expected {
            outcome.wrong = Some(format!("account {account} comes to {found:?}, expected {expected:?}"));
        }
    }
    Ok(outcome)
}

/// Gives what was done, and the versions of the accounts.
async fn write<C: Contender>(
    contender: Arc<C>,
    mut own: Vec<(u64, u64, C::Writer)>,
    appends: u64,
    events: u64,
) -> (Done, Vec<(u64, u64)>) {
    let mut done = Done { times: Times::new(), acknowledged: 0, failed: 0, error: None };
    let count = own.len();
    for nth in 0..appends {
        let (account, version, writer) = &mut own[nth as usize % count];
        let entries = history(*account, *version + 1, *version + events);
        let began = Instant::now();
        match contender.append(writer, entries).await {
            Ok(()) => {
                done.times.record(began.elapsed());
                done.acknowledged += events;
                *version += events;
            }
            Err(error) => {
                done.failed += events;
                done.error.get_or_insert_with(|| format!("{error:#}"));
            }
        }
    }
    (done, own.into_iter().map(|(account, version, _)| (account, version)).collect())
}
