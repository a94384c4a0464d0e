use es_core::{Aggregate, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = std::fmt::Error, name = "Door", snapshot_version = 0, idd = String)]
struct Door<T> {
    #[aggregate(id)]
    id: u32,
    #[aggregate(id)]
    place: T,
}

fn main() {}
