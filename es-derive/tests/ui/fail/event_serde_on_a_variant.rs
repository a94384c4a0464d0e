use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[serde(skip)]
    Opened,
    #[serde(skip_serializing)]
    Closed,
    #[serde(skip_deserializing)]
    Moved,
    #[serde(rename = "deposited")]
    PaidIn,
    #[serde(alias = "withdrawn")]
    PaidOut,
    #[serde(untagged)]
    Anything(u32),
}

#[derive(Event, Deserialize)]
#[event(prefix = "card")]
enum CardEvent {
    #[serde(other)]
    Unknown,
}

fn main() {}
