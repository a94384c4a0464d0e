use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = String)]
struct Door {}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
