use es_core::{Aggregate, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct Door {}

fn main() {}
