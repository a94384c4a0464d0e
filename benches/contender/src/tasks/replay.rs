//! Reading all events.

use super::server;
use crate::check::Expected;
use crate::measure::Meter;
use crate::{Contender, Job, Outcome};
use anyhow::Result;

pub(super) async fn run<C: Contender>(
    contender: C,
    job: &Job,
    accounts: u64,
    events: u64,
) -> Result<Outcome> {
    let meter = Meter::start(server(&contender, job));
    let balances = contender.replay().await?;
    let mut outcome = meter.stop();
    outcome.units = accounts * events;
    outcome.wrong = Expected { events, passes: 0 }.check_all(&balances, accounts);
    Ok(outcome)
}

pub(super) async fn rebuild<C: Contender>(
    contender: C,
    job: &Job,
    accounts: u64,
    events: u64,
    workers: u16,
) -> Result<Outcome> {
    let meter = Meter::start(server(&contender, job));
    contender.rebuild(workers).await?;
    let mut outcome = meter.stop();
    outcome.units = accounts * events;
    outcome.wrong = Expected { events, passes: 0 }.check_all(&contender.rows().await?, accounts);
    Ok(outcome)
}
