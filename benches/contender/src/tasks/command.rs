//! Load, decide, append one.

use super::server;
use crate::account::amount;
use crate::check::{Expected, check_count};
use crate::measure::{Meter, Times};
use crate::{Contender, Job, Outcome, Task};
use anyhow::Result;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

/// What the workers of one pass did.
struct Done {
    times: Times,
    failed: HashSet<u64>,
    error: Option<String>,
}

pub(super) async fn run<C: Contender>(contender: C, job: &Job) -> Result<Outcome> {
    let Task::Command { accounts, events, on, passes, at_once, warm } = job.task else {
        anyhow::bail!("expected a task of commands, found {:?}", job.task)
    };
    let contender = Arc::new(contender);
    let mut random = fastrand::Rng::with_seed(17);
    // All over the store, as in life.
    let step = accounts / on;
    let mut order: Vec<u64> = (0..on).map(|nth| nth * step).collect();
    let mut all = Done { times: Times::new(), failed: HashSet::new(), error: None };
    let first = if warm {
        pass(&contender, Arc::new(order.clone()), 1, at_once, &mut all).await?;
        contender.settle().await?;
        2
    } else {
        1
    };
    all.times = Times::new();
    let meter = Meter::start(server(&*contender, job));
    for nth in first..first + passes {
        random.shuffle(&mut order);
        pass(&contender, Arc::new(order.clone()), nth, at_once, &mut all).await?;
    }
    let mut outcome = meter.stop();
    contender.settle().await?;
    outcome.errors = all.failed.len() as u64;
    outcome.units = on * passes - outcome.errors;
    outcome.error = all.error;
    outcome.latency = Some(all.times.latency());
    let last = first + passes - 1;
    // An account whose command failed has no further ones, so that all may be missing.
    let stored = accounts * events + on * last;
    let missing = outcome.errors * last;
    outcome.wrong = check_count(&*contender, stored - missing, missing).await?;
    if outcome.wrong.is_none() {
        order.retain(|account| !all.failed.contains(account));
        outcome.wrong = Expected { events, passes: last }.check(&*contender, &order).await?;
    }
    Ok(outcome)
}

/// One command on each of these accounts.
async fn pass<C: Contender>(
    contender: &Arc<C>,
    order: Arc<Vec<u64>>,
    nth: u64,
    at_once: u64,
    all: &mut Done,
) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let failed = Arc::new(all.failed.clone());
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (contender, order, next) = (Arc::clone(contender), Arc::clone(&order), Arc::clone(&next));
        let skipped = Arc::clone(&failed);
        tasks.spawn(async move {
            let mut done = Done { times: Times::new(), failed: HashSet::new(), error: None };
            while let Some(&account) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                if skipped.contains(&account) {
                    continue;
                }
                let began = Instant::now();
                match contender.deposit(account, amount(account, nth)).await {
                    Ok(()) => done.times.record(began.elapsed()),
                    Err(error) => {
                        done.failed.insert(account);
                        done.error.get_or_insert_with(|| format!("{error:#}"));
                    }
                }
            }
            done
        });
    }
    while let Some(ended) = tasks.join_next().await {
        let done = ended?;
        all.times.add(&done.times);
        all.failed.extend(done.failed);
        all.error = all.error.take().or(done.error);
    }
    Ok(())
}
