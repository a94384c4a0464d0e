use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct Door(bool);

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct Gate;

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
enum Lock {
    Open,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
union Key {
    open: bool,
}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Gate {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Lock {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Key {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
