//! A bank with two projections, and what a command wrote.

use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use es_cli::{Command, FailureKind, StoreArgs};
use es_core::testing::ManualClock;
use es_core::{
    Aggregate, App, Append, Apply, Event, EventId, EventStore, Expected, Fate, KeyError, Metadata, NewEvent,
    Payload, Projection, Projector, Recorded,
};
use es_memory::MemoryStore;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;
use uuid::Uuid;

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
}

#[derive(Debug, Aggregate, Serialize)]
#[aggregate(event = AccountEvent, error = Infallible, id = String)]
pub struct Account {
    id: String,
    owner: String,
    cents: u64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner.clone_from(owner),
            AccountEvent::Deposited { cents } => self.cents += cents,
        }
    }
}

/// How many events an account has.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Movements(u32);

impl Projection for Movements {
    const NAME: &'static str = "movements";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned()])
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// What all accounts have.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    cents: u64,
}

impl Projection for Totals {
    const NAME: &'static str = "totals";
    type Event = AccountEvent;
    type Key = String;

    fn keys(_: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok(["all".to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        if let AccountEvent::Deposited { cents } = event.data {
            self.cents += cents;
        }
        Fate::Keep
    }
}

/// Noon on a day in January; each event is recorded a minute after the one before.
pub fn noon() -> DateTime<Utc> {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

pub struct Bank {
    pub app: App,
    pub store: MemoryStore,
    pub clock: ManualClock,
    pub events: u128,
}

impl Bank {
    /// A bank nobody has an account with.
    pub fn new() -> Self {
        let clock = ManualClock::at(noon());
        let store = MemoryStore::default().with_clock(std::sync::Arc::new(clock.clone()));
        // A lease that is over soon: nobody has to wait for an owner that is none.
        let soon = Duration::from_millis(20);
        let app = App::new(store.clone())
            .aggregate::<Account>()
            .projector(Projector::<Movements>::new(store.clone()).with_lease(soon).any().clone())
            .projector(Projector::<Totals>::new(store.clone()).with_lease(soon).any().clone());
        Self { app, store, clock, events: 0 }
    }

    /// A bank with two accounts, five events, and read models that have seen them.
    pub async fn with_accounts() -> Self {
        let mut bank = Self::new();
        for (key, owner) in [("ada", "Ada"), ("bob", "Bob")] {
            bank.append(key, "account.opened", &format!(r#"{{"owner":"{owner}"}}"#)).await;
        }
        for (key, cents) in [("ada", 500), ("bob", 20), ("ada", 7)] {
            bank.deposit(key, cents).await;
        }
        bank.app.catch_up().await.unwrap();
        bank
    }

    pub async fn deposit(&mut self, key: &str, cents: u64) {
        self.append(key, "account.deposited", &format!(r#"{{"cents":{cents}}}"#)).await;
    }

    /// Appends what may be no event of the bank, a minute after the one before.
    pub async fn append(&mut self, key: &str, name: &'static str, payload: &str) {
        self.append_with(key, name, payload, Metadata::new()).await;
    }

    pub async fn append_with(&mut self, key: &str, name: &'static str, payload: &str, metadata: Metadata) {
        self.events += 1;
        let event = new_event(self.events, name, payload, metadata);
        let stream = format!("account-{key}").parse().unwrap();
        self.store.append(Append::new(stream, Expected::Any, vec![event])).await.unwrap();
        self.clock.advance(TimeDelta::minutes(1));
    }

    /// Carries out a command as it is written behind the name of the program.
    pub async fn run(&self, command: &str) -> Ran {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let outcome = es_cli::run_to(&self.app, self::command(command), &mut out, &mut err).await;
        let mut err = String::from_utf8(err).unwrap();
        err.extend(outcome.as_ref().err().map(es_cli::Failure::report));
        let code = outcome.map_or_else(|failure| failure.kind().code(), |()| 0);
        Ran { out: String::from_utf8(out).unwrap(), err, code }
    }
}

/// An event with an id that is easy to read.
pub fn new_event(id: u128, name: &'static str, payload: &str, metadata: Metadata) -> NewEvent {
    NewEvent {
        event_id: EventId::new(Uuid::from_u128(id)),
        name: name.into(),
        schema_version: 1,
        payload: Payload::new(payload.as_bytes().to_vec()),
        metadata,
    }
}

/// The command that is written so behind the name of the program.
pub fn command(line: &str) -> Command {
    Args::try_parse_from(format!("bank {line}").split(' ')).unwrap().command.unwrap()
}

/// Keeps accounts.
#[derive(Debug, Parser)]
pub struct Args {
    #[command(flatten)]
    pub store: StoreArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What a command wrote, and the exit code of a process that ends with it.
#[derive(Debug)]
pub struct Ran {
    pub out: String,
    pub err: String,
    pub code: u8,
}

impl Ran {
    /// The data of a command that worked and had nothing else to say.
    #[track_caller]
    pub fn data(self) -> String {
        assert_eq!((self.err.as_str(), self.code), ("", 0));
        self.out
    }

    /// What a command said that failed without data.
    #[track_caller]
    pub fn refusal(self, kind: FailureKind) -> String {
        assert_eq!((self.out.as_str(), self.code), ("", kind.code()), "{}", self.err);
        self.err
    }
}
