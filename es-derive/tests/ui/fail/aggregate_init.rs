use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, init = Door::shut)]
struct Door {
    open: bool,
}

impl Door {
    fn shut() -> Self {
        Self { open: false }
    }
}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, init = Gate::shut)]
struct Gate {
    #[aggregate(id)]
    id: u32,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, init = "Lock::shut")]
struct Lock {}

impl Apply<DoorEvent> for Gate {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Lock {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
