//! A small application with the commands that every application gets, for tests that run it as a process.

use clap::Parser;
use es_core::{
    Aggregate, App, Apply, Event, Fate, Handle, KeyError, Projection, Recorded, Repository, Snapshots, Store,
};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::process::ExitCode;
use std::sync::Arc;
use tests::tally::{Count, Tally};

/// What is written with this number cannot be read by [`Picky`].
const UNLUCKY: u64 = 13;
/// From what is written with a number from here on [`Slow`] never comes back.
const HEAVY: u64 = 1_000;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    store: es_cli::StoreArgs,
    /// So many commands are executed before anything else
    #[arg(long, value_name = "COUNT", default_value_t = 0, global = true)]
    commands: u64,
    #[command(subcommand)]
    command: es_cli::Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(Args::parse()).await)
}

async fn start(args: Args) -> Result<(), es_cli::Failure> {
    let store = args.store.open_or("sqlite:teller.db").await?;
    ring(store.clone(), args.commands).await?;
    let app = App::new(store).projection::<Count>().projection::<Picky>().projection::<Slow>();
    es_cli::run(&app, args.command).await
}

/// Executes commands, with all that can be counted of them.
async fn ring(store: Arc<dyn Store>, commands: u64) -> Result<(), es_cli::Failure> {
    let tills = Repository::<Till>::new(store).with_snapshots(Snapshots::every(2)).with_cache(8);
    for _ in 0..commands {
        let rung = tills.execute("one".to_owned(), Ring).await;
        rung.map_err(|error| es_cli::Failure::new(es_cli::FailureKind::Failed, error.to_string()))?;
    }
    tills.settle().await;
    Ok(())
}

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "till")]
enum TillEvent {
    Rang,
}

/// How often its bell rang.
#[derive(Debug, Clone, Aggregate, Serialize, Deserialize)]
#[aggregate(event = TillEvent, error = Infallible, id = String)]
struct Till {
    rings: u64,
}

impl Apply<TillEvent> for Till {
    fn apply(&mut self, _: &TillEvent) {
        self.rings += 1;
    }
}

struct Ring;

impl Handle<Ring> for Till {
    fn handle(&self, _: &Ring) -> Result<Vec<TillEvent>, Infallible> {
        Ok(vec![TillEvent::Rang])
    }
}

/// Halts at an unlucky number.
#[derive(Default, Serialize, Deserialize)]
struct Picky(u64);

impl Projection for Picky {
    const NAME: &'static str = "picky";
    type Event = Tally;
    type Key = String;

    fn keys(event: &Recorded<Tally>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let Tally::Wrote { number } = event.data;
        if number == UNLUCKY {
            Err(KeyError::new("the number is unlucky"))
        } else {
            Ok([event.stream.to_string()])
        }
    }

    fn project(&mut self, _: &Recorded<Tally>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// Does not come back from a heavy number; a file tells that it has got there.
#[derive(Default, Serialize, Deserialize)]
struct Slow(u64);

impl Projection for Slow {
    const NAME: &'static str = "slow";
    type Event = Tally;
    type Key = String;

    fn keys(event: &Recorded<Tally>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.to_string()])
    }

    fn project(&mut self, event: &Recorded<Tally>) -> Fate {
        let Tally::Wrote { number } = event.data;
        if number >= HEAVY {
            std::fs::write("heavy", "").expect("the working directory is the test's own");
            let (_open, never) = std::sync::mpsc::channel::<()>();
            let _ = never.recv();
        }
        self.0 += 1;
        Fate::Keep
    }
}
