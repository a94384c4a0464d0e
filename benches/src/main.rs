//! Runs this framework, its peers and a program at the limit on the same work, and prints ratios.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -- command append --peers none`

mod arena;
mod build;
mod case;
mod entrant;
mod figures;
mod goals;
mod report;
mod rounds;
mod workloads;

use anyhow::{Result, bail};
use arena::Arena;
use clap::Parser;
use std::process::ExitCode;

/// Measures what event stores do, side by side: ratios count, figures do not carry over to another machine.
#[derive(Debug, Parser)]
struct Args {
    /// What is measured: command, long, append, replay, latency, growth, embedded; all of them by default
    #[arg(value_name = "WORKLOAD")]
    workloads: Vec<String>,
    /// Which peers take part, by their names; `none` for none, all by default
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    peers: Option<Vec<String>>,
    /// Smaller stores and fewer rounds: to see that it works
    #[arg(long)]
    quick: bool,
    /// How many rounds at most
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Prints one line of JSON for each contender and each piece of work
    #[arg(long)]
    json: bool,
    /// Only the pieces of work whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether every result was right.
fn run(args: &Args) -> Result<bool> {
    let peers = entrant::peers(args.peers.as_deref())?;
    let mut cases = Vec::new();
    for name in chosen(&args.workloads)? {
        cases.extend(workloads::cases(name, &peers, args.quick));
    }
    cases.retain(|case| args.only.as_ref().is_none_or(|only| case.name.contains(only.as_str())));
    if let Some(rounds) = args.rounds {
        cases.iter_mut().for_each(|case| case.rounds = case.rounds.min(rounds.max(1)));
    }
    if cases.is_empty() {
        bail!("nothing is left to be measured");
    }
    let programs = build::all(&cases)?;
    let mut arena = Arena::open()?;
    let mut right = true;
    for case in &cases {
        let figures = rounds::run(case, &programs, &mut arena)?;
        right &= figures.iter().all(|figures| figures.wrong.is_none());
        match args.json {
            true => report::json(case, &figures)?,
            false => report::table(case, &figures),
        }
    }
    Ok(right)
}

fn chosen(names: &[String]) -> Result<Vec<&str>> {
    for name in names {
        if !workloads::NAMES.contains(&name.as_str()) {
            bail!("there is no workload `{name}`, expected one of {}", workloads::NAMES.join(", "));
        }
    }
    if names.is_empty() {
        return Ok(workloads::NAMES.to_vec());
    }
    Ok(names.iter().map(String::as_str).collect())
}
