use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = std::fmt::Error)]
struct Door {
    id: es_core::Id<Door>,
    open: bool,
}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {
    let id = es_core::Id::new();
    let door = Door::init(&id);
    assert!(door.id == id && !door.open);
}
