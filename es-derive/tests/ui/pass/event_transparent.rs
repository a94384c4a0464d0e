use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
}

#[derive(Event)]
#[event(transparent)]
enum BankEvent {
    Account(AccountEvent),
}

fn main() {
    assert_eq!(BankEvent::Account(AccountEvent::Opened).event_type().name, "account.opened");
}
