//! `torture`: several processes against one store, with faults, and a checker that names what must not have happened.

mod arguments;
mod burned;
mod check;
mod commander;
mod crew;
mod event;
mod history;
mod journal;
mod line;
mod nemesis;
mod orders;
mod patience;
mod place;
mod plan;
mod projectors;
mod readers;
mod report;
mod run;
mod site;
mod slow;
mod twin;
mod views;
mod watcher;
mod witness;
mod worker;
mod writer;

use anyhow::{Context, Result};
use clap::Parser;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let outcome = match words.get(1).map(String::as_str) {
        Some(crew::WORKER) => work(words.get(2)).await.map(|()| true),
        _ => run::run(&arguments::Arguments::parse()).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn work(job: Option<&String>) -> Result<()> {
    let job = serde_json::from_str(job.context("a worker needs a job")?)?;
    worker::work(job, orders::Orders::from_stdin()).await
}
