use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "Account")]
#[serde(tag = "type", content = "content")]
enum AccountEvent {
    #[event(renam = "opened", version = 0)]
    #[serde(rename = "open")]
    Opened,
    #[event(alias = "moved away")]
    Closed {
        #[event(rename = "why")]
        reason: String,
    },
    #[event(upcast(2 = u32, 2 = u32))]
    Opened2(u32),
}

fn store<E: Event>(_: E) {}

fn main() {
    // The enum is broken, but it is an event: only the mistakes themselves are reported.
    store(AccountEvent::Opened);
}
