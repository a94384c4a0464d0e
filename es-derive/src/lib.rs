//! Derives `Event` and `Aggregate` for es-core, which re-exports them next to the traits.
//!
//! A derive writes only what a person could write by hand; the documentation of each shows those lines. All mistakes
//! of one derive are reported at once, each under the words that are wrong.

mod mistakes;
mod names;
mod span;
mod words;

mod aggregate;
mod event;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Implements `Event` for an enum: each variant is stored under an explicit name, with its fields alone as JSON.
///
/// ```
/// use es_core::Event;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// #[event(prefix = "account")]
/// enum AccountEvent {
///     #[event(version = 3, upcast(1 = OpenedV1, 2 = OpenedV2))]
///     Opened { owner: String, cents: u64 },
///     #[event(rename = "paid_in", alias = "deposited")]
///     Deposited { cents: u64 },
/// }
///
/// #[derive(Deserialize)]
/// struct OpenedV1 {
///     name: String,
/// }
///
/// #[derive(Deserialize)]
/// struct OpenedV2 {
///     owner: String,
/// }
///
/// impl From<OpenedV1> for OpenedV2 {
///     fn from(OpenedV1 { name }: OpenedV1) -> Self {
///         Self { owner: name }
///     }
/// }
///
/// impl From<OpenedV2> for AccountEvent {
///     fn from(OpenedV2 { owner }: OpenedV2) -> Self {
///         Self::Opened { owner, cents: 0 }
///     }
/// }
///
/// let event = AccountEvent::decode("account.opened", 1, br#"{"name":"Ada"}"#).unwrap();
/// assert_eq!(event, AccountEvent::Opened { owner: "Ada".into(), cents: 0 });
/// assert_eq!(AccountEvent::Deposited { cents: 5 }.event_type().name, "account.paid_in");
/// ```
///
/// # On the enum
/// - `prefix = "account"`: the beginning of every stored name, `account.opened`. Lower case letters, digits and `_`,
///   in parts divided by `.`. It is required, but for a union.
/// - `transparent`: the enum is a union of other events, see below.
///
/// # On a variant
/// - `rename = "paid_in"`: the stored name, `account.paid_in`. Without it the name is the variant's in snake case:
///   `IbanChanged` is `iban_changed`, and so is `IBANChanged`. A name with a `.` in it is whole: it gets no prefix.
/// - `alias = "deposited"`: a name that old events have, with the prefix or whole like `rename`. It may be repeated.
/// - `version = 2`: the schema version of new events; 1 without it. Raise it when the fields change their meaning.
/// - `upcast(1 = OpenedV1, 2 = OpenedV2)`: the types that old payloads are read as, by version. They go up one by
///   one to the version before `version`, and may start later than 1. Each is turned into the next by `From` (or
///   `TryFrom`, where that can fail), and the last into the enum.
///
/// All names and aliases of an enum are distinct, and have 512 bytes at most.
///
/// # What it writes
/// For the enum above, these lines; where there is no `upcast`, `decode` has one arm for the version of today.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// # enum AccountEvent { Opened { owner: String, cents: u64 }, Deposited { cents: u64 } }
/// # #[derive(Deserialize)]
/// # struct OpenedV1 { name: String }
/// # #[derive(Deserialize)]
/// # struct OpenedV2 { owner: String }
/// # impl From<OpenedV1> for OpenedV2 {
/// #     fn from(OpenedV1 { name }: OpenedV1) -> Self { Self { owner: name } }
/// # }
/// # impl From<OpenedV2> for AccountEvent {
/// #     fn from(OpenedV2 { owner }: OpenedV2) -> Self { Self::Opened { owner, cents: 0 } }
/// # }
/// # use es_core::__derive::{decode_old, decode_variant, encode_variant, upcast};
/// # use es_core::{DecodeProblem, EncodeProblem, Event, EventType};
/// impl Event for AccountEvent {
///     const TYPES: &'static [EventType] = &[
///         EventType { name: "account.opened", aliases: &[], version: 3 },
///         EventType { name: "account.paid_in", aliases: &["account.deposited"], version: 1 },
///     ];
///
///     fn event_type(&self) -> &'static EventType {
///         match self {
///             Self::Opened { .. } => &Self::TYPES[0],
///             Self::Deposited { .. } => &Self::TYPES[1],
///         }
///     }
///
///     fn encode(&self) -> Result<Vec<u8>, EncodeProblem> {
///         encode_variant(self)
///     }
///
///     fn decode(name: &str, version: u32, payload: &[u8]) -> Result<Self, DecodeProblem> {
///         match name {
///             "account.opened" => match version {
///                 3 => decode_variant::<Self>(0, payload),
///                 1 => {
///                     let shape: OpenedV1 = decode_old(payload)?;
///                     let shape: OpenedV2 = upcast(1, shape)?;
///                     upcast(2, shape)
///                 }
///                 2 => {
///                     let shape: OpenedV2 = decode_old(payload)?;
///                     upcast(2, shape)
///                 }
///                 found => Err(DecodeProblem::UnknownVersion { found, oldest: 1, newest: 3 }),
///             },
///             "account.paid_in" | "account.deposited" => match version {
///                 1 => decode_variant::<Self>(1, payload),
///                 found => Err(DecodeProblem::UnknownVersion { found, oldest: 1, newest: 1 }),
///             },
///             _ => Err(DecodeProblem::UnknownName),
///         }
///     }
/// }
/// # assert!(AccountEvent::decode("account.opened", 2, br#"{"owner":"Ada"}"#).is_ok());
/// ```
///
/// `decode_variant` reads the fields of the variant with that index by the enum's own `Deserialize`, and
/// `encode_variant` writes them by its `Serialize`; so the enum derives both.
///
/// # A union
/// A projection over several aggregates takes an enum of their events. Its members keep their names and payloads, so
/// it needs neither a prefix nor serde; two members that share a stored name do not compile.
///
/// ```
/// # use es_core::Event;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Closed }
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "customer")]
/// # enum CustomerEvent { Moved }
/// #[derive(Debug, PartialEq, Event)]
/// #[event(transparent)]
/// enum BankEvent {
///     Account(AccountEvent),
///     Customer(CustomerEvent),
/// }
///
/// let event = BankEvent::decode("customer.moved", 1, b"{}").unwrap();
/// assert_eq!(event, BankEvent::Customer(CustomerEvent::Moved));
/// ```
///
/// The derive writes:
///
/// ```
/// # use es_core::__derive::concat;
/// # use es_core::{DecodeProblem, EncodeProblem, Event, EventType};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Closed }
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "customer")]
/// # enum CustomerEvent { Moved }
/// # #[derive(Debug, PartialEq)]
/// # enum BankEvent { Account(AccountEvent), Customer(CustomerEvent) }
/// impl Event for BankEvent {
///     const TYPES: &'static [EventType] = &concat::<{ AccountEvent::TYPES.len() + CustomerEvent::TYPES.len() }>(&[
///         AccountEvent::TYPES,
///         CustomerEvent::TYPES,
///     ]);
///
///     fn event_type(&self) -> &'static EventType {
///         match self {
///             Self::Account(event) => event.event_type(),
///             Self::Customer(event) => event.event_type(),
///         }
///     }
///
///     fn encode(&self) -> Result<Vec<u8>, EncodeProblem> {
///         match self {
///             Self::Account(event) => event.encode(),
///             Self::Customer(event) => event.encode(),
///         }
///     }
///
///     fn decode(name: &str, version: u32, payload: &[u8]) -> Result<Self, DecodeProblem> {
///         if AccountEvent::TYPES.iter().any(|known| known.name == name || known.aliases.contains(&name)) {
///             return AccountEvent::decode(name, version, payload).map(Self::Account);
///         }
///         if CustomerEvent::TYPES.iter().any(|known| known.name == name || known.aliases.contains(&name)) {
///             return CustomerEvent::decode(name, version, payload).map(Self::Customer);
///         }
///         Err(DecodeProblem::UnknownName)
///     }
/// }
///
/// // Evaluates the list now, so that a shared name is found where the union is and not where it is used.
/// const _: &[EventType] = <BankEvent as Event>::TYPES;
/// # assert!(BankEvent::decode("customer.moved", 1, b"{}").is_ok());
/// ```
///
/// # What serde may not change
/// `#[serde(…)]` works on fields, and where it changes no name and no shape of the enum. Refused on the enum are
/// `tag`, `content`, `untagged`, `from`, `try_from`, `into`, `remote` and `transparent`; on a variant `skip`,
/// `skip_serializing`, `skip_deserializing`, `other`, `untagged`, and `rename` and `alias`, which are words of
/// `#[event(…)]` here.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    event::derive(&parse_macro_input!(input)).into()
}

/// Implements `Aggregate` for a struct: its name, its types, and the state before the first event.
///
/// ```
/// # use es_core::{Apply, Event};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Closed }
/// # impl Apply<AccountEvent> for Account { fn apply(&mut self, _: &AccountEvent) {} }
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("the account is closed")]
/// # struct AccountError;
/// use es_core::{Aggregate, Id};
///
/// #[derive(Aggregate)]
/// #[aggregate(event = AccountEvent, error = AccountError)]
/// struct Account {
///     id: Id<Account>,
///     cents: u64,
/// }
///
/// let id = Id::new();
/// let account = Account::init(&id);
/// assert_eq!((account.id, account.cents), (id, 0));
/// assert_eq!(Account::NAME, "account");
/// ```
///
/// # On the struct
/// - `event = AccountEvent`: what can happen to it. Required.
/// - `error = AccountError`: why it says no. Required.
/// - `id = Iban`: what names one of them; `Id<Self>` without it.
/// - `name = "account"`: the category of its streams; the struct's name in snake case without it. Lower case
///   letters, digits and `_`, at most 510 bytes.
/// - `init = Account::closed`: a function from `&Self::Id` to `Self` that gives the state before the first event. With
///   it, fields need no `Default`, and the struct may be one without named fields, or an enum.
/// - `snapshot_version = 2`: raise it when the meaning of the state changes; 1 without it.
///
/// # On a field
/// - `id`: this field holds the id. Without it the field named `id` does, if there is one; all others begin with
///   their `Default`.
///
/// # What it writes
/// ```
/// # use es_core::{Aggregate, Apply, Event, Id};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Closed }
/// # impl Apply<AccountEvent> for Account { fn apply(&mut self, _: &AccountEvent) {} }
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("the account is closed")]
/// # struct AccountError;
/// # struct Account { id: Id<Account>, cents: u64 }
/// impl Aggregate for Account {
///     const NAME: &'static str = "account";
///     type Id = Id<Self>;
///     type Event = AccountEvent;
///     type Error = AccountError;
///
///     fn init(id: &Id<Self>) -> Self {
///         Self { id: id.clone(), cents: u64::default() }
///     }
/// }
/// # let account = Account::init(&Id::new());
/// # assert!(account.cents == 0 && !account.id.uuid().is_nil());
/// ```
///
/// With `init = Account::closed` the function is `Account::closed(id)`; with `snapshot_version = 2` there is a
/// `const SNAPSHOT_VERSION: u32 = 2` as well.
#[proc_macro_derive(Aggregate, attributes(aggregate))]
pub fn derive_aggregate(input: TokenStream) -> TokenStream {
    aggregate::derive(&parse_macro_input!(input)).into()
}
