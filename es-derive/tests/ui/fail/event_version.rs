use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(version = 0)]
    Opened,
    #[event(version = "2")]
    Closed,
    #[event(version = 4294967296)]
    Moved,
    #[event(version = -1)]
    Lost,
}

fn main() {}
