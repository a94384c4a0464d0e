//! The tasks.

mod append;
mod command;
mod fill;
mod follow;
mod replay;

use crate::{Contender, Job, Outcome, Task};
use anyhow::Result;

/// Does a job: opens the store, does what is measured, and checks what came of it.
pub(crate) async fn run<C: Contender>(job: Job) -> Result<Outcome> {
    if let Task::Fill { accounts, events } = job.task {
        C::set_up(&job.place).await?;
        return fill::run(C::open(&job.place, job.mode).await?, &job, accounts, events).await;
    }
    let contender = C::open(&job.place, job.mode).await?;
    match job.task {
        Task::Fill { .. } => unreachable!("it was done above"),
        Task::Command { .. } => command::run(contender, &job).await,
        Task::Append { .. } => append::run(contender, &job).await,
        Task::Replay { accounts, events } => replay::run(contender, &job, accounts, events).await,
        Task::Rebuild { accounts, events, workers } => {
            replay::rebuild(contender, &job, accounts, events, workers).await
        }
        Task::Follow { appends } => follow::run(contender, appends).await,
        Task::Pace { appends, per_second } => follow::pace(contender, &job, appends, per_second).await,
    }
}

/// The process whose processor time is the server's.
fn server<C: Contender>(contender: &C, job: &Job) -> Option<u32> {
    contender.server().or(job.place.server)
}
