use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "customer")]
enum CustomerEvent {
    #[event(alias = "account.opened")]
    Joined,
}

#[derive(Event)]
#[event(transparent)]
enum BankEvent {
    Account(AccountEvent),
    Customer(CustomerEvent),
}

fn main() {}
