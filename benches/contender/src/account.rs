//! The bank account that all contenders keep.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use uuid::Uuid;

/// What an event says of a movement: 120 to 140 bytes of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// How much.
    pub cents: u64,
    /// Where.
    pub branch: u32,
    /// Which: account and number.
    pub reference: String,
    /// What for.
    pub text: String,
}

impl Movement {
    /// A movement of `cents` on an account.
    pub fn new(account: u64, cents: u64) -> Self {
        Self {
            cents,
            branch: (account % 97) as u32,
            reference: format!("{account:012}/{cents:08}"),
            text: "paid in at the counter, against a signature".to_owned(),
        }
    }
}

/// Which event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The account's first event; its cents do not count.
    Opened,
    /// The cents come.
    Deposited,
    /// The cents go.
    Withdrawn,
}

/// An event to be appended.
pub type Entry = (Kind, Movement);

/// What an account comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// What is on it.
    pub cents: i64,
    /// How many events it has.
    pub version: u64,
}

impl Balance {
    /// The balance after one more event.
    pub fn apply(&mut self, kind: Kind, cents: u64) {
        self.version += 1;
        match kind {
            Kind::Opened => (),
            Kind::Deposited => self.cents += cents as i64,
            Kind::Withdrawn => self.cents -= cents as i64,
        }
    }
}

/// The balances of accounts.
pub type Balances = HashMap<u64, Balance>;

/// The events that an account begins with, from number `from` (the first is 1) up to `to`: opened, and then four
/// deposits for each withdrawal.
pub fn history(account: u64, from: u64, to: u64) -> Vec<Entry> {
    let entry = |nth| match nth {
        1 => (Kind::Opened, Movement::new(account, 0)),
        _ if nth % 5 == 0 => (Kind::Withdrawn, Movement::new(account, 1)),
        _ => (Kind::Deposited, Movement::new(account, amount(account, nth))),
    };
    (from..=to).map(entry).collect()
}

/// The balance after that.
pub fn balance_of_history(account: u64, events: u64) -> Balance {
    let mut balance = Balance::default();
    for (kind, movement) in history(account, 1, events) {
        balance.apply(kind, movement.cents);
    }
    balance
}

/// How much the nth movement of an account is.
pub fn amount(account: u64, nth: u64) -> u64 {
    10 + (account * 7 + nth * 13) % 90
}

/// The id of an account, where ids are uuids: it looks like a random one, and has the account's number in it.
pub fn id_of(account: u64) -> Uuid {
    let mixed = (account ^ (account >> 31)).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Uuid::from_u64_pair((mixed & !0xf000) | 0x4000, (1 << 63) | account)
}

/// The account with this id.
pub fn account_of(id: Uuid) -> u64 {
    id.as_u64_pair().1 & !(1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_account() {
        for account in [0, 1, 9_999, 1 << 40] {
            assert_eq!(account_of(id_of(account)), account);
        }
        assert_ne!(id_of(1).as_u64_pair().0, id_of(2).as_u64_pair().0);
    }

    #[test]
    fn a_history_in_parts_is_the_whole_one() {
        let parts = [history(7, 1, 3), history(7, 4, 10)].concat();
        assert_eq!(parts, history(7, 1, 10));
        assert_eq!(balance_of_history(7, 10).version, 10);
        assert_eq!(parts.iter().filter(|(kind, _)| *kind == Kind::Withdrawn).count(), 2);
    }

    #[test]
    fn an_event_has_100_to_200_bytes() {
        let json = serde_json::to_string(&Movement::new(9_999, 99)).unwrap();
        assert!((100..200).contains(&json.len()), "{} bytes", json.len());
    }
}
