//! The smallest application: accounts, what they have, and a projection that cannot go past a closing.

use es_core::{Aggregate, Apply, Event, Fate, Handle, KeyError, OnFailure, Projection, Recorded};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub enum AccountEvent {
    Noted { text: String },
    Deposited { cents: u64 },
    Closed,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the account is closed")]
pub struct IsClosed;

#[derive(Debug, Clone, PartialEq, Aggregate, Serialize, Deserialize)]
#[aggregate(event = AccountEvent, error = IsClosed, id = String)]
pub struct Account {
    id: String,
    cents: u64,
    is_closed: bool,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Noted { .. } => (),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Closed => self.is_closed = true,
        }
    }
}

pub struct Deposit(pub u64);

impl Handle<Deposit> for Account {
    fn handle(&self, &Deposit(cents): &Deposit) -> Result<Vec<AccountEvent>, IsClosed> {
        if self.is_closed { Err(IsClosed) } else { Ok(vec![AccountEvent::Deposited { cents }]) }
    }
}

pub struct Close;

impl Handle<Close> for Account {
    fn handle(&self, _: &Close) -> Result<Vec<AccountEvent>, IsClosed> {
        Ok(vec![AccountEvent::Closed])
    }
}

pub struct Note(pub String);

impl Handle<Note> for Account {
    fn handle(&self, Note(text): &Note) -> Result<Vec<AccountEvent>, IsClosed> {
        Ok(vec![AccountEvent::Noted { text: text.clone() }])
    }
}

/// How many events each account has.
#[derive(Default, Serialize, Deserialize)]
pub struct Movements(u64);

impl Projection for Movements {
    const NAME: &'static str = "movements";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.id::<Account>()?])
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// As before, but a closing has no key.
#[derive(Default, Serialize, Deserialize)]
pub struct Open(u64);

impl Projection for Open {
    const NAME: &'static str = "open";
    const VERSION: u32 = 2;
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        match event.data {
            AccountEvent::Closed => Err(KeyError::new("a closing has none")),
            _ => Ok([event.stream.id::<Account>()?]),
        }
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// As before, and a closing becomes a dead letter.
#[derive(Default, Serialize, Deserialize)]
pub struct Parking(Open);

impl Projection for Parking {
    const NAME: &'static str = "parking";
    const ON_FAILURE: OnFailure = OnFailure::ParkKey;
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Open::keys(event)
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        self.0.project(event)
    }
}
