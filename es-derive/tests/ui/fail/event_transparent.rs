use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
}

#[derive(Event)]
#[event(transparent, prefix = "bank")]
enum BankEvent {
    #[event(rename = "accounts")]
    Account(AccountEvent),
    Nothing,
    Two(AccountEvent, AccountEvent),
    Named {
        account: AccountEvent,
    },
}

#[derive(Event)]
#[event(transparent = true)]
enum AnyEvent {
    Account(AccountEvent),
}

fn main() {}
