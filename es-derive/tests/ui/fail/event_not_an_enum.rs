use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
struct AccountOpened {
    owner: String,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent<T> {
    Opened(T),
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Nothing {}

fn main() {}
