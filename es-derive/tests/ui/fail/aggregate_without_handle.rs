use es_core::{Aggregate, Apply, Event, Handle};
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

impl Apply<DoorEvent> for Door {
    fn apply(&mut self, _: &DoorEvent) {}
}

struct Open;

impl Handle<Open> for Door {
    fn handle(&self, _: &Open) -> Result<Vec<DoorEvent>, Error> {
        Ok(vec![DoorEvent::Opened])
    }
}

struct Lock;

impl Handle<Lock> for Door {
    fn handle(&self, _: &Lock) -> Result<Vec<DoorEvent>, Error> {
        Ok(vec![])
    }
}

struct Close;

fn execute<A: Handle<C>, C>(_: A, _: C) {}

fn main() {
    execute(Door {}, Close);
}
