use es_core::Event;
use serde::{Deserialize, Serialize};

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "a")]
#[serde(tag = "type", content = "fields", rename_all = "snake_case")]
enum Tagged {
    Opened,
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "b")]
#[serde(untagged)]
enum Untagged {
    Opened,
}

#[derive(Clone, Event, Serialize, Deserialize)]
#[event(prefix = "c")]
#[serde(from = "Tagged", into = "Tagged")]
enum Converted {
    Opened,
}

#[derive(Clone, Event, Serialize, Deserialize)]
#[event(prefix = "d")]
#[serde(try_from = "Tagged", into = "Tagged")]
enum Tried {
    Opened,
}

impl From<Tagged> for Converted {
    fn from(_: Tagged) -> Self {
        Self::Opened
    }
}

impl From<Converted> for Tagged {
    fn from(_: Converted) -> Self {
        Self::Opened
    }
}

impl From<Tagged> for Tried {
    fn from(_: Tagged) -> Self {
        Self::Opened
    }
}

impl From<Tried> for Tagged {
    fn from(_: Tried) -> Self {
        Self::Opened
    }
}

mod elsewhere {
    pub enum Foreign {
        Opened,
    }
}

#[derive(Event, Serialize, Deserialize)]
#[event(prefix = "e")]
#[serde(remote = "elsewhere::Foreign")]
enum Local {
    Opened,
}

#[derive(Event)]
#[event(prefix = "f")]
#[serde(transparent)]
enum Transparent {
    Opened(u32),
}

fn main() {}
