//! A bank account, end to end: an aggregate, its rules, a read model, a replay, and its tests.
//!
//! ```sh
//! cargo run --example bank                        # deposits, withdraws, and prints the read model
//! cargo run --example bank -- replay movements    # builds the read model anew from the log
//! cargo run --example bank -- --store memory      # the same on another store
//! ```

use clap::Parser;
use es_cli::{Failure, StoreArgs};
use es_core::{
    Aggregate, App, Apply, Draft, Event, Fate, Handle, Id, KeyError, Projection, Projector, Recorded,
};
use es_core::{Repository, Snapshots};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")] // stored as "account.deposited", whatever the Rust names become
enum AccountEvent {
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
    Emptied,
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("one deposit is at most {max} cents")]
    TooMuch { max: u64 },
    #[error("only {available} cents are available")]
    TooLittle { available: u64 },
}

#[derive(Debug, Clone, Aggregate, Serialize, Deserialize)]
#[aggregate(event = AccountEvent, error = AccountError)]
struct Account {
    id: Id<Account>,
    cents: u64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
            AccountEvent::Emptied => (),
        }
    }
}

struct Withdraw {
    cents: u64,
}

impl Handle<Withdraw> for Account {
    fn handle(&self, withdraw: &Withdraw) -> Result<Vec<AccountEvent>, AccountError> {
        if self.cents < withdraw.cents {
            return Err(AccountError::TooLittle { available: self.cents });
        }
        let mut draft = Draft::of(self); // a working copy: later decisions see earlier events
        draft.emit(AccountEvent::Withdrawn { cents: withdraw.cents });
        if draft.cents == 0 {
            draft.emit(AccountEvent::Emptied);
        }
        Ok(draft.into_events())
    }
}

impl Account {
    /// A decision may also be a plain method: what it depends on is a plain argument.
    fn deposit(&self, cents: u64, max: u64) -> Result<Vec<AccountEvent>, AccountError> {
        if max < cents {
            return Err(AccountError::TooMuch { max });
        }
        Ok(vec![AccountEvent::Deposited { cents }])
    }
}

/// The read model: how many movements each account has had.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Movements(u32);

impl Projection for Movements {
    const NAME: &'static str = "movements";
    type Event = AccountEvent;
    type Key = Id<Account>;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
        Ok([event.stream.id::<Account>()?])
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// `--store URL`, and the commands that every application gets: `run`, `projections`, `streams`, `state`, ….
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    command: Option<es_cli::Command>,
}

#[tokio::main]
async fn main() -> ExitCode {
    es_cli::exit(start(es_cli::parse()).await)
}

async fn start(args: Args) -> Result<(), Failure> {
    let store = args.store.open_for(args.command.as_ref(), "sqlite:bank.db").await?; // or "memory"
    let app = App::new(store).aggregate::<Account>().projection::<Movements>();
    match args.command {
        Some(command) => es_cli::run(&app, command).await,
        None => serve(&app, 1_000).await,
    }
}

async fn serve(app: &App, max: u64) -> Result<(), Failure> {
    let accounts = Repository::<Account>::new(app.store().clone()).with_snapshots(Snapshots::every(100));
    let id = Id::new();
    accounts.decide(id, |account| account.deposit(100, max)).await?;
    let account = accounts.execute(id, Withdraw { cents: 100 }).await?;
    app.catch_up().await?;
    let movements = Projector::<Movements>::new(app.store().clone()).get(&id).await?;
    println!(
        "account-{id} is at version {} with {} cents: {movements:?}",
        account.version, account.state.cents
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use es_core::testing::Given;

    #[test]
    fn withdrawing_everything_also_empties_the_account() {
        Account::given([AccountEvent::Deposited { cents: 5 }])
            .when(Withdraw { cents: 5 })
            .then([AccountEvent::Withdrawn { cents: 5 }, AccountEvent::Emptied]);
    }

    #[test]
    fn more_than_there_is_cannot_be_withdrawn() {
        Account::given([AccountEvent::Deposited { cents: 5 }])
            .when(Withdraw { cents: 6 })
            .then_rejected(AccountError::TooLittle { available: 5 });
    }

    #[test]
    fn a_deposit_has_a_limit() {
        Account::given([])
            .when_deciding(|account| account.deposit(6, 5))
            .then_rejected(AccountError::TooMuch { max: 5 });
    }

    #[tokio::test]
    async fn the_service_runs_on_the_memory_store() {
        let app =
            App::new(es_memory::MemoryStore::default()).aggregate::<Account>().projection::<Movements>();
        serve(&app, 1_000).await.unwrap();
    }
}
