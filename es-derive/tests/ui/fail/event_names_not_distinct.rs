use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Opened,
    #[event(rename = "opened")]
    Reopened,
    #[event(alias = "cards.issued", alias = "account.closed")]
    CardIssued,
    Closed,
    #[event(alias = "paid", alias = "paid")]
    Settled,
}

fn main() {}
