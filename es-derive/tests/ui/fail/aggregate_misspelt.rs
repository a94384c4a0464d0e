use es_core::{Aggregate, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(events = DoorEvent, eror = std::fmt::Error, nam = "door", snapshot = 2)]
struct Door {
    #[aggregate(ids)]
    id: u32,
}

fn main() {}
