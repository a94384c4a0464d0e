use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(rename = "paid in")]
    Deposited,
    #[event(rename = 5)]
    Withdrawn,
    Überzogen,
}

fn main() {}
