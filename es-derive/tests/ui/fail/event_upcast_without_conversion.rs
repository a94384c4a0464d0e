use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct OpenedV1 {}

#[derive(Deserialize)]
struct OpenedV2 {}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    #[event(version = 3, upcast(1 = OpenedV1, 2 = OpenedV2))]
    Opened,
}

impl From<OpenedV2> for AccountEvent {
    fn from(_: OpenedV2) -> Self {
        Self::Opened
    }
}

fn main() {}
