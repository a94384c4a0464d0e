//! The program around a contender.

use crate::contender::Unsupported;
use crate::{Contender, Job, Outcome, tasks};
use anyhow::{Context, Result};
use std::process::ExitCode;

/// Does the job that is the program's only argument, and prints its outcome.
pub fn main<C: Contender>() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime can be built");
    let outcome = match runtime.block_on(run::<C>()) {
        Ok(outcome) => outcome,
        Err(error) if error.is::<Unsupported>() => {
            Outcome { unsupported: Some(error.to_string()), ..Outcome::default() }
        }
        Err(error) => {
            eprintln!("error: {error:?}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", serde_json::to_string(&outcome).expect("an outcome is JSON"));
    // What runs in the background has nothing more to say.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

async fn run<C: Contender>() -> Result<Outcome> {
    let job = std::env::args().nth(1).context("usage: a contender is given a job in JSON")?;
    let job: Job = serde_json::from_str(&job).context("the job cannot be read")?;
    tasks::run::<C>(job).await
}
