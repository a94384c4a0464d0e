use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = std::fmt::Error, id = u32, init = Door::numbered)]
struct Door(u32);

impl Door {
    fn numbered(number: &u32) -> Self {
        Self(*number)
    }
}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {
    assert_eq!(Door::init(&7).0, 7);
}
