//! The domain, and the read model. Nothing here knows of HTTP.

use es_core::{Aggregate, Apply, Event, Fate, Handle, Id, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// What an account may hold: what comes from outside is bounded where it is decided, because `apply` cannot refuse.
pub const CENTS_MAX: u64 = 1_000_000_000_000;

#[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
pub enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AccountError {
    #[error("there is no such account")]
    Unknown,
    #[error("the account is open already")]
    Open,
    #[error("an account holds at most {CENTS_MAX} cents")]
    TooMuch,
    #[error("only {available} cents are available")]
    TooLittle { available: u64 },
}

#[derive(Debug, Aggregate, Serialize)]
#[aggregate(event = AccountEvent, error = AccountError)]
pub struct Account {
    id: Id<Account>,
    owner: Option<String>,
    cents: u64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => self.owner = Some(owner.clone()),
            AccountEvent::Deposited { cents } => self.cents += cents,
            AccountEvent::Withdrawn { cents } => self.cents -= cents,
        }
    }
}

/// Commands come as JSON; a field that is not known is refused rather than ignored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    pub owner: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deposit {
    pub cents: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    pub cents: u64,
}

impl Handle<Open> for Account {
    fn handle(&self, Open { owner }: &Open) -> Result<Vec<AccountEvent>, AccountError> {
        match self.owner {
            Some(_) => Err(AccountError::Open),
            None => Ok(vec![AccountEvent::Opened { owner: owner.clone() }]),
        }
    }
}

impl Handle<Deposit> for Account {
    fn handle(&self, &Deposit { cents }: &Deposit) -> Result<Vec<AccountEvent>, AccountError> {
        match self.owner {
            None => Err(AccountError::Unknown),
            Some(_) if cents > CENTS_MAX - self.cents => Err(AccountError::TooMuch),
            Some(_) => Ok(vec![AccountEvent::Deposited { cents }]),
        }
    }
}

impl Handle<Withdraw> for Account {
    fn handle(&self, &Withdraw { cents }: &Withdraw) -> Result<Vec<AccountEvent>, AccountError> {
        match self.owner {
            None => Err(AccountError::Unknown),
            Some(_) if cents > self.cents => Err(AccountError::TooLittle { available: self.cents }),
            Some(_) => Ok(vec![AccountEvent::Withdrawn { cents }]),
        }
    }
}

/// The read model: what has come and gone.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    pub movements: u64,
    pub deposited: u64,
    pub withdrawn: u64,
}

impl Projection for Statement {
    const NAME: &'static str = "statement";
    type Event = AccountEvent;
    type Key = Id<Account>;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
        Ok([event.stream.id::<Account>()?])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        match event.data {
            AccountEvent::Opened { .. } => return Fate::Keep,
            AccountEvent::Deposited { cents } => self.deposited = self.deposited.saturating_add(cents),
            AccountEvent::Withdrawn { cents } => self.withdrawn = self.withdrawn.saturating_add(cents),
        }
        self.movements += 1;
        Fate::Keep
    }
}
