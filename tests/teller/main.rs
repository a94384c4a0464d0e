//! A small application with the commands that every application gets, for tests that run it as a process.

use clap::Parser;
use es_core::{App, Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use tests::tally::{Count, Tally};

/// What is written with this number cannot be read by [`Picky`].
const UNLUCKY: u64 = 13;
/// From what is written with a number from here on [`Slow`] never comes back.
const HEAVY: u64 = 1_000;

#[derive(Parser)]
struct Args {
    #[command(flatten)]
    store: es_cli::StoreArgs,
    #[command(subcommand)]
    command: es_cli::Command,
}

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(Args::parse()).await)
}

async fn start(args: Args) -> Result<(), es_cli::Failure> {
    let store = args.store.open_or("sqlite:teller.db").await?;
    let app = App::new(store).projection::<Count>().projection::<Picky>().projection::<Slow>();
    es_cli::run(&app, args.command).await
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
