//! [`Tally`] and [`Count`]: the smallest events and the smallest read model by which a loss or a repetition is seen.

use es_core::{
    Append, Event, EventId, Expected, Fate, KeyError, Metadata, NewEvent, Projection, Recorded, StreamId,
};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use uuid::Uuid;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Event, Serialize, Deserialize)]
#[event(prefix = "tally")]
pub enum Tally {
    /// This number was written; a writer takes each number once.
    Wrote {
        /// The number.
        number: u64,
    },
}

/// What was written to one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many events.
    pub events: u64,
    /// All their numbers added up.
    pub sum: u64,
}

impl Projection for Count {
    const NAME: &'static str = "count";
    type Event = Tally;
    type Key = String;

    fn keys(event: &Recorded<Tally>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.to_string()])
    }

    fn project(&mut self, event: &Recorded<Tally>) -> Fate {
        let Tally::Wrote { number } = event.data;
        self.events += 1;
        self.sum += number;
        Fate::Keep
    }
}

/// The stream of a writer.
///
/// # Panics
/// When the name cannot be a key.
pub fn stream(writer: &str) -> StreamId {
    StreamId::new("tally", writer).expect("the names of writers are plain")
}

/// The id of the event with which this writer writes this number: always the same.
pub fn event_id(stream: &StreamId, number: u64) -> EventId {
    let mut hasher = DefaultHasher::new();
    stream.as_str().hash(&mut hasher);
    EventId::new(Uuid::from_u64_pair(hasher.finish(), number))
}

/// What writes this number: the same call each time, so that it can be sent again.
pub fn append(stream: &StreamId, number: u64) -> Append {
    append_expecting(stream, number, Expected::Any)
}

/// The same, and what is believed of the stream.
///
/// # Panics
/// Never: a number has a JSON form.
pub fn append_expecting(stream: &StreamId, number: u64, expected: Expected) -> Append {
    let event = NewEvent::encode(&Tally::Wrote { number }, event_id(stream, number), Metadata::new());
    Append::new(stream.clone(), expected, vec![event.expect("a number has a JSON form")])
}
