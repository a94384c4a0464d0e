use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, name = "front-door")]
struct Door {}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, name = "bank.gate")]
struct Gate {}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct Tür {}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Gate {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Tür {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
