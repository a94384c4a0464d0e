//! [`Event`]: what happened, as the application's own enum, stored under names that never change.

mod codec;
mod problem;

pub use problem::{DecodeProblem, EncodeProblem};

/// What the derive calls; nothing here is for people.
#[doc(hidden)]
pub mod derive {
    pub use super::codec::{decode_old, decode_variant, encode_variant, upcast};
    pub use super::types::concat;
}

mod types;

/// A fact of the domain, in the past tense, that one stream records.
///
/// Derive it on an enum; each variant is stored under an explicit name, with its fields alone as the JSON
/// payload (`{"cents":5}`), and decoded by that name. Renaming the Rust variant does not rename history.
///
/// ```
/// use es_core::Event;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// #[event(prefix = "account")]
/// enum AccountEvent {
///     Opened { owner: String },
///     #[event(rename = "paid_in", alias = "deposited")]
///     Deposited { cents: u64 },
/// }
///
/// let event = AccountEvent::Deposited { cents: 5 };
/// assert_eq!(event.event_type().name, "account.paid_in");
/// assert_eq!(event.encode().unwrap(), br#"{"cents":5}"#);
/// assert_eq!(AccountEvent::decode("account.deposited", 1, br#"{"cents":5}"#).unwrap(), event);
/// ```
///
/// A prefix belongs to one enum: a reader of `AccountEvent` is given every event whose name starts with
/// `account.`, and stops at one it does not know rather than skip it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "write `#[derive(Event, Serialize, Deserialize)] #[event(prefix = \"…\")]` on the enum `{Self}`"
)]
pub trait Event: Sized + Send + Sync + 'static {
    /// Every type this enum can decode.
    const TYPES: &'static [EventType];

    /// The name and schema version this event is stored under.
    fn event_type(&self) -> &'static EventType;

    /// The payload: the fields of the variant as JSON.
    ///
    /// # Errors
    /// [`EncodeProblem`] when a field cannot be written as JSON.
    fn encode(&self) -> Result<Vec<u8>, EncodeProblem>;

    /// Reads a payload that was stored under `name` with schema version `version`, upcasting an old one.
    ///
    /// # Errors
    /// [`DecodeProblem`] when the name or the version is unknown, or the payload does not fit.
    fn decode(name: &str, version: u32, payload: &[u8]) -> Result<Self, DecodeProblem>;
}

/// A name that events are stored under, with its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventType {
    /// The name new events are stored under.
    pub name: &'static str,
    /// Names that old events were stored under.
    pub aliases: &'static [&'static str],
    /// The schema version of new events; the first is 1.
    pub version: u32,
}
