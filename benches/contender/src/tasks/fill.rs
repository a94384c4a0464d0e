//! Makes a store with accounts.

use super::server;
use crate::account::history;
use crate::check::{Expected, check_count};
use crate::measure::Meter;
use crate::{Contender, Job, Outcome};
use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// How many accounts are filled at a time.
const AT_ONCE: u64 = 64;
/// How many events go into one append at the most.
const EVENTS_PER_APPEND: u64 = 100;

pub(super) async fn run<C: Contender>(
    contender: C,
    job: &Job,
    accounts: u64,
    events: u64,
) -> Result<Outcome> {
    let contender = Arc::new(contender);
    let next = Arc::new(AtomicU64::new(0));
    let meter = Meter::start(server(&*contender, job));
    let mut tasks = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (contender, next) = (Arc::clone(&contender), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let account = next.fetch_add(1, Ordering::Relaxed);
                if account >= accounts {
                    return anyhow::Ok(());
                }
                let mut writer = contender.writer(account).await?;
                for from in (1..=events).step_by(EVENTS_PER_APPEND as usize) {
                    let to = events.min(from + EVENTS_PER_APPEND - 1);
                    contender.append(&mut writer, history(account, from, to)).await?;
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let mut outcome = meter.stop();
    outcome.units = accounts * events;
    outcome.wrong = check_count(&*contender, outcome.units, 0).await?;
    if outcome.wrong.is_none() {
        let expected = Expected { events, passes: 0 };
        outcome.wrong = expected.check(&*contender, &(0..accounts).collect::<Vec<_>>()).await?;
    }
    Ok(outcome)
}
