//! `#[derive(Aggregate)]`: its name, its types and how it begins.

use es_core::{Aggregate, Apply, Event, Id};
use serde::{Deserialize, Serialize};
use std::fmt::Error;

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "door")]
enum DoorEvent {
    Opened,
}

macro_rules! nothing_happens_to {
    ($($aggregate:ty),*) => {
        $(impl Apply<DoorEvent> for $aggregate {
            fn apply(&mut self, _: &DoorEvent) {}
        })*
    };
}

nothing_happens_to!(FrontDoor, Gate, Hatch, Lock, Handle, Wall);

#[derive(Debug, Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct FrontDoor {
    id: Id<FrontDoor>,
    opened: u64,
    keys: Vec<String>,
}

#[test]
fn by_default_it_has_its_own_name_and_id_and_begins_empty() {
    let id = Id::new();
    let door = FrontDoor::init(&id);
    assert_eq!(FrontDoor::NAME, "front_door");
    assert_eq!(FrontDoor::SNAPSHOT_VERSION, 1);
    assert_eq!((door.id, door.opened, door.keys), (id, 0, vec![]));
}

/// The field named `id` is not the aggregate's where another one is marked.
#[derive(Debug, Aggregate)]
#[aggregate(event = DoorEvent, error = Error, id = String, name = "garden_gate", snapshot_version = 3)]
struct Gate {
    id: u8,
    #[aggregate(id)]
    place: String,
}

#[test]
fn a_marked_field_holds_a_natural_key() {
    let gate = Gate::init(&"north".to_owned());
    assert_eq!((Gate::NAME, Gate::SNAPSHOT_VERSION), ("garden_gate", 3));
    assert_eq!((gate.id, gate.place.as_str()), (0, "north"));
}

#[derive(Debug, Aggregate)]
#[aggregate(event = DoorEvent, error = Error)]
struct Hatch {
    open: bool,
}

#[test]
fn it_need_not_hold_its_id() {
    assert!(!Hatch::init(&Id::new()).open);
}

/// A field without `Default` is no obstacle where the user writes `init`.
#[derive(Debug, PartialEq, Aggregate)]
#[aggregate(event = DoorEvent, error = Error, id = u32, init = Lock::shut)]
struct Lock(std::num::NonZeroU32);

impl Lock {
    fn shut(id: &u32) -> Self {
        Self(std::num::NonZeroU32::MIN.saturating_add(*id))
    }
}

#[derive(Debug, PartialEq, Aggregate)]
#[aggregate(event = DoorEvent, error = Error, init = handle)]
struct Handle;

fn handle(_: &Id<Handle>) -> Handle {
    Handle
}

#[derive(Debug, PartialEq, Aggregate)]
#[aggregate(event = DoorEvent, error = Error, init = Wall::whole)]
enum Wall {
    Whole,
    #[expect(dead_code)]
    Broken,
}

impl Wall {
    fn whole(_: &Id<Self>) -> Self {
        Self::Whole
    }
}

#[test]
fn a_written_init_begins_a_state_of_any_form() {
    assert_eq!(Lock::init(&1).0.get(), 2);
    assert_eq!(Handle::init(&Id::new()), Handle);
    assert_eq!(Wall::init(&Id::new()), Wall::Whole);
}
