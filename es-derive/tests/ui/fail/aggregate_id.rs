use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

struct Place;

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error, id = Place)]
struct Door {}

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

fn main() {}
