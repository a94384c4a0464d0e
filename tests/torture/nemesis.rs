//! Carries out the planned faults.

use super::crew::Crew;
use super::plan::{Fault, Planned};
use super::site::Site;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::time::Duration;
use tokio::time::Instant;

/// Brings the faults at their times, until the safety phase is over.
///
/// # Errors
/// When a fault could not be brought about: a run without its faults proves nothing.
pub async fn torment(plan: &[Planned], safety: Duration, crew: &mut Crew, site: &Site) -> Result<()> {
    let begun = Instant::now();
    for Planned { at, fault } in plan.iter().filter(|planned| planned.at < safety) {
        until(begun + *at).await;
        bring(*fault, crew, site).await.with_context(|| format!("{fault:?}"))?;
    }
    until(begun + safety).await;
    Ok(())
}

async fn bring(fault: Fault, crew: &mut Crew, site: &Site) -> Result<()> {
    match fault {
        Fault::Kill(worker) => crew.kill(worker).await,
        Fault::Stop(worker) => crew.signal(worker, Signal::STOP),
        Fault::Continue(worker) => crew.signal(worker, Signal::CONT),
        other => site.suffer(other).await,
    }
}

/// The time that the plan says, whatever happens meanwhile.
async fn until(time: Instant) {
    let mut clock = tokio::time::interval_at(time, Duration::from_secs(1));
    clock.tick().await;
}
