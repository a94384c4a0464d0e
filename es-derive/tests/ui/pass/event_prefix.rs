use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "bank.account_2")]
enum AccountEvent {
    Opened,
}

fn main() {
    assert_eq!(AccountEvent::Opened.event_type().name, "bank.account_2.opened");
}
