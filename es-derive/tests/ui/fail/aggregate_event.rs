use es_core::{Aggregate, Apply, Event};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

#[derive(Aggregate)]
#[aggregate(event = String, error = Error)]
struct Door {}

impl Apply<String> for Door {
    fn apply(&mut self, _: &String) {}
}

#[derive(Aggregate)]
#[aggregate(error = Error)]
struct Gate {}

#[derive(Aggregate)]
struct Lock {}

#[derive(Aggregate)]
#[aggregate(event, error = 5)]
struct Key {}

fn main() {}
