use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = std::fmt::Error, name = "front_door_2")]
struct Door {}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {
    assert_eq!(Door::NAME, "front_door_2");
}
