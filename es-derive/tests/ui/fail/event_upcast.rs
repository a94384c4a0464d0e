use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Old;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(version = 4, upcast(1 = Old, 3 = Old))]
    Opened,
    #[event(version = 4, upcast(1 = Old, 2 = Old))]
    Closed,
    #[event(upcast(1 = Old))]
    Moved,
    #[event(version = 2, upcast(Old))]
    Merged,
    #[event(version = 2, upcast = Old)]
    Split,
    #[event(version = 2, upcast())]
    Frozen,
    #[event(version = 2, upcast(0 = Old, 1 = Old))]
    Thawed,
}

fn main() {}
