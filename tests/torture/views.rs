//! What the projectors build: one view of [`Everything`], and one for each stream.

use super::event::TortureEvent;
use es_core::{EventId, Fate, KeyError, Projection, Recorded};
use serde::{Deserialize, Serialize};

/// The key of the one view of [`Everything`].
pub const WHOLE: &str = "whole";

/// What a view says of the events that were folded into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Their amounts.
    pub sum: u64,
    /// The version of the last one.
    pub version: u64,
    /// The position of the last one.
    pub position: u64,
    /// Other events, or the same in another order, give another number.
    pub digest: u64,
}

/// All events in one view.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Everything(Sum);

/// The events of each stream in a view.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerStream(Sum);

impl Sum {
    /// Folds one event.
    pub fn add(&mut self, event_id: EventId, position: u64, version: u64, amount: u64) {
        let (high, low) = event_id.uuid().as_u64_pair();
        self.count += 1;
        self.sum += amount;
        self.version = version;
        self.position = position;
        self.digest = self.digest.wrapping_mul(1_000_003).wrapping_add(position ^ high ^ low);
    }

    fn project(&mut self, event: &Recorded<TortureEvent>) -> Fate {
        self.add(event.event_id, event.position.value(), event.version.value(), event.data.amount());
        Fate::Keep
    }
}

impl Projection for Everything {
    const NAME: &'static str = "everything";
    type Event = TortureEvent;
    type Key = String;

    fn keys(_: &Recorded<TortureEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([WHOLE.to_owned()])
    }

    fn project(&mut self, event: &Recorded<TortureEvent>) -> Fate {
        self.0.project(event)
    }
}

impl Projection for PerStream {
    const NAME: &'static str = "per_stream";
    type Event = TortureEvent;
    type Key = String;

    fn keys(event: &Recorded<TortureEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.to_string()])
    }

    fn project(&mut self, event: &Recorded<TortureEvent>) -> Fate {
        self.0.project(event)
    }
}
