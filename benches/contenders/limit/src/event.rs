//! The events of an account, without a framework.

use anyhow::{Result, bail};
use contender::{Balance, Entry, Kind};

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
pub fn decode(name: &str, payload: &[u8]) -> Result<Entry> {
    let kind = match name {
        "account.opened" => Kind::Opened,
        "account.deposited" => Kind::Deposited,
        "account.withdrawn" => Kind::Withdrawn,
        other => bail!("there is no event `{other}`"),
    };
    Ok((kind, serde_json::from_slice(payload)?))
}

/// What rows of name, version and payload come to: whether the account is open, and its balance.
pub fn state_of<'r>(rows: impl Iterator<Item = (&'r str, i64, &'r [u8])>) -> Result<(bool, Balance)> {
    let (mut is_open, mut balance) = (false, Balance::default());
    for (name, version, payload) in rows {
        let (kind, movement) = decode(name, payload)?;
        is_open |= kind == Kind::Opened;
        balance.apply(kind, movement.cents);
        if balance.version != version as u64 {
            bail!("expected version {}, found {version}", balance.version);
        }
    }
    Ok((is_open, balance))
}
