//! The events of an account, without a framework.

use anyhow::{Result, bail};
use contender::{Balance, Entry, Kind, Movement};

/// What happens on an account.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum AccountEvent {
    Opened(Movement),
    Deposited(Movement),
    Withdrawn(Movement),
}

impl AccountEvent {
    /// What it does to a balance.
    pub fn apply_to(&self, balance: &mut Balance) {
        let (kind, movement) = match self {
            Self::Opened(movement) => (Kind::Opened, movement),
            Self::Deposited(movement) => (Kind::Deposited, movement),
            Self::Withdrawn(movement) => (Kind::Withdrawn, movement),
        };
        balance.apply(kind, movement.cents);
    }
}

/// The name that an event is stored under.
pub fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Opened => "account.opened",
        Kind::Deposited => "account.deposited",
        Kind::Withdrawn => "account.withdrawn",
    }
}

/// The name and the payload of an event.
pub fn encode((kind, movement): &Entry) -> Result<(&'static str, Vec<u8>)> {
    Ok((name_of(*kind), serde_json::to_vec(movement)?))
}

/// The event with this name and payload.
pub fn decode(name: &str, payload: &[u8]) -> Result<AccountEvent> {
    let movement = serde_json::from_slice(payload)?;
    Ok(match name {
        "account.opened" => AccountEvent::Opened(movement),
        "account.deposited" => AccountEvent::Deposited(movement),
        "account.withdrawn" => AccountEvent::Withdrawn(movement),
        other => bail!("there is no event `{other}`"),
    })
}

/// What rows of name, version and payload come to: whether the account is open, and its balance.
pub fn state_of<'r>(rows: impl Iterator<Item = (&'r str, i64, &'r [u8])>) -> Result<(bool, Balance)> {
    let (mut is_open, mut balance) = (false, Balance::default());
    for (name, version, payload) in rows {
        let event = decode(name, payload)?;
        is_open |= matches!(event, AccountEvent::Opened(_));
        event.apply_to(&mut balance);
        if balance.version != version as u64 {
            bail!("expected version {}, found {version}", balance.version);
        }
    }
    Ok((is_open, balance))
}
