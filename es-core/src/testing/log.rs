//! [`Log`]: the rules of a projection as sentences.

use crate::{Event, EventId, Fate, Metadata, Payload, Position, Projection, Recorded, StreamId, Version};
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use uuid::Uuid;

/// A log to fold a projection from, given some events; then these are its views.
///
/// ```
/// # use es_core::{Event, Fate, KeyError, Projection, Recorded};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Opened, Closed }
/// # #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
/// # struct OpenAccounts(u32);
/// # impl Projection for OpenAccounts {
/// #     const NAME: &'static str = "open_accounts";
/// #     type Event = AccountEvent;
/// #     type Key = String;
/// #     fn keys(_: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> { Ok(["all".into()]) }
/// #     fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
/// #         match event.data { AccountEvent::Opened => self.0 += 1, AccountEvent::Closed => self.0 -= 1 }
/// #         if self.0 == 0 { Fate::Delete } else { Fate::Keep }
/// #     }
/// # }
/// use es_core::testing::Log;
///
/// let log = Log::new().event("account-a", AccountEvent::Opened).event("account-b", AccountEvent::Opened);
/// log.project::<OpenAccounts>().then("all", &OpenAccounts(2));
/// let log = Log::new().event("account-a", AccountEvent::Opened).event("account-a", AccountEvent::Closed);
/// log.project::<OpenAccounts>().then_none("all");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Log {
    events: Vec<Recorded<Payload>>,
    versions: HashMap<StreamId, Version>,
    now: DateTime<Utc>,
    metadata: Metadata,
}

impl Log {
    /// A log without events, at 1970-01-01.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events that follow are recorded at `time`.
    #[must_use]
    pub fn at(self, time: DateTime<Utc>) -> Self {
        Self { now: time, ..self }
    }

    /// The events that follow carry `metadata`.
    #[must_use]
    pub fn with(self, metadata: Metadata) -> Self {
        Self { metadata, ..self }
    }

    /// Adds an event to the stream of this name.
    ///
    /// # Panics
    /// When the name is none, or the event cannot be encoded.
    #[must_use]
    #[track_caller]
    pub fn event<E: Event>(mut self, stream: &str, event: E) -> Self {
        let stream: StreamId = stream.parse().unwrap_or_else(|error| panic!("{error}"));
        let version = self.versions.entry(stream.clone()).or_default();
        *version = version.plus(1);
        let payload = event.encode().unwrap_or_else(|error| panic!("{error}"));
        let number = self.events.len() as u64 + 1;
        self.events.push(Recorded {
            event_id: EventId::new(Uuid::from_u128(number.into())),
            version: *version,
            stream,
            position: Position::new(number),
            name: Cow::Borrowed(event.event_type().name),
            schema_version: event.event_type().version,
            recorded_at: self.now,
            metadata: self.metadata.clone(),
            data: Payload::new(payload),
        });
        self
    }

    /// Folds the events that `P` wants into its views.
    ///
    /// # Panics
    /// When an event cannot be decoded or has no key.
    #[must_use = "views without `then` test nothing"]
    #[track_caller]
    pub fn project<P: Projection>(self) -> Views<P> {
        let filter = P::filter();
        let mut views = BTreeMap::<String, P>::new();
        for event in self.events {
            if !filter.wants(&event.stream, &event.name) {
                continue;
            }
            let event = event.decode().unwrap_or_else(|error| panic!("{error}: {}", error.problem));
            let keys = P::keys(&event).unwrap_or_else(|error| panic!("{error}"));
            for key in keys.into_iter().map(|key| key.to_string()).collect::<BTreeSet<_>>() {
                let view = views.entry(key.clone()).or_default();
                if view.project(&event) == Fate::Delete {
                    views.remove(&key);
                }
            }
        }
        Views(views)
    }
}

/// The views that came of a log, by the text of their keys.
#[derive(Debug)]
pub struct Views<P>(BTreeMap<String, P>);

impl<P: Projection + Debug + PartialEq> Views<P> {
    /// The view with this key is this one.
    ///
    /// # Panics
    /// When it is another one, or there is none.
    #[track_caller]
    pub fn then(self, key: impl ToString, view: &P) -> Self {
        let key = key.to_string();
        assert_eq!(
            self.0.get(&key),
            Some(view),
            "the view `{key}` is another one (left) than expected (right)"
        );
        self
    }

    /// There is no view with this key.
    ///
    /// # Panics
    /// When there is one.
    #[track_caller]
    pub fn then_none(self, key: impl ToString) -> Self {
        let key = key.to_string();
        assert_eq!(self.0.get(&key), None, "a view `{key}` was not expected");
        self
    }
}
