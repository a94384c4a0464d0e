use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
enum AccountEvent {
    Opened,
}

fn main() {
    // What uses the enum is not reported as well.
    let _ = AccountEvent::Opened.encode();
}
