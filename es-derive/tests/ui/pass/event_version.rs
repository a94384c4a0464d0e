use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(version = 2)]
    Opened,
}

fn main() {
    assert_eq!(AccountEvent::Opened.event_type().version, 2);
}
