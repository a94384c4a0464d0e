use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, snapshot_version = 0)]
struct Door {}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, snapshot_version = "2")]
struct Gate {}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

impl Apply<DoorEvent> for Gate {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
