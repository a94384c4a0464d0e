//! The account, as an aggregate and as a read model.

use contender::{Kind, Movement};
use es_core::{Aggregate, Apply, Event, Fate, Handle, Id, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// What happens on an account.
#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
#[allow(missing_docs)]
pub enum AccountEvent {
    Opened(Movement),
    Deposited(Movement),
    Withdrawn(Movement),
}

impl AccountEvent {
    /// The event of an entry.
    pub fn of((kind, movement): contender::Entry) -> Self {
        match kind {
            Kind::Opened => Self::Opened(movement),
            Kind::Deposited => Self::Deposited(movement),
            Kind::Withdrawn => Self::Withdrawn(movement),
        }
    }

    /// What it does to a balance.
    pub fn apply_to(&self, balance: &mut contender::Balance) {
        let (kind, movement) = match self {
            Self::Opened(movement) => (Kind::Opened, movement),
            Self::Deposited(movement) => (Kind::Deposited, movement),
            Self::Withdrawn(movement) => (Kind::Withdrawn, movement),
        };
        balance.apply(kind, movement.cents);
    }
}

/// Why a command is refused.
#[derive(Debug)]
pub struct NotOpen;

impl std::fmt::Display for NotOpen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the account is not open")
    }
}

impl std::error::Error for NotOpen {}

/// The state that commands are decided on.
#[derive(Debug, Clone, Aggregate, Serialize, Deserialize)]
#[aggregate(event = AccountEvent, error = NotOpen)]
pub struct Account {
    id: Id<Account>,
    is_open: bool,
    cents: i64,
}

impl Account {
    /// What is on it.
    pub fn cents(&self) -> i64 {
        self.cents
    }
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened(_) => self.is_open = true,
            AccountEvent::Deposited(movement) => self.cents += movement.cents as i64,
            AccountEvent::Withdrawn(movement) => self.cents -= movement.cents as i64,
        }
    }
}

/// The command.
pub(crate) struct Deposit(pub(crate) Movement);

impl Handle<Deposit> for Account {
    fn handle(&self, Deposit(movement): &Deposit) -> Result<Vec<AccountEvent>, NotOpen> {
        if !self.is_open {
            return Err(NotOpen);
        }
        Ok(vec![AccountEvent::Deposited(movement.clone())])
    }
}

/// One row per account.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Balances {
    pub(crate) cents: i64,
    pub(crate) version: u64,
}

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Key = Id<Account>;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
        Ok([event.stream.id::<Account>()?])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        let mut balance = contender::Balance { cents: self.cents, version: self.version };
        event.data.apply_to(&mut balance);
        (self.cents, self.version) = (balance.cents, balance.version);
        Fate::Keep
    }
}
