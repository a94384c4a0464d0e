//! [`Aggregate`], [`Apply`] and [`Handle`]: the rules of the domain, pure and synchronous.

use crate::{Event, Key};

/// A state folded from the events of one stream, inside which rules always hold. `Self` is that state.
///
/// Derive it on a struct; [`Apply`] folds its events and one [`Handle`] per command decides new ones.
///
/// ```
/// use es_core::{Aggregate, Apply, Event, Handle, Id};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Event, Serialize, Deserialize)]
/// #[event(prefix = "door")]
/// enum DoorEvent {
///     Opened,
/// }
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("the door is open already")]
/// struct AlreadyOpen;
///
/// #[derive(Debug, Aggregate)]
/// #[aggregate(event = DoorEvent, error = AlreadyOpen)]
/// struct Door {
///     id: Id<Door>,
///     open: bool,
/// }
///
/// impl Apply<DoorEvent> for Door {
///     fn apply(&mut self, event: &DoorEvent) {
///         match event {
///             DoorEvent::Opened => self.open = true,
///         }
///     }
/// }
///
/// struct Open;
///
/// impl Handle<Open> for Door {
///     fn handle(&self, _: &Open) -> Result<Vec<DoorEvent>, AlreadyOpen> {
///         if self.open { Err(AlreadyOpen) } else { Ok(vec![DoorEvent::Opened]) }
///     }
/// }
/// # let door = Door::init(&Id::new());
/// # assert!(door.handle(&Open).is_ok() && !door.id.uuid().is_nil());
/// ```
///
/// The derive writes `NAME` (the struct's name in snake case), `Id` (`Id<Self>` by default), `init` (the id in the
/// field named `id`, [`Default`] for the rest) and the associated types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an aggregate",
    note = "write `#[derive(Aggregate)] #[aggregate(event = …, error = …)]` on the struct `{Self}`"
)]
pub trait Aggregate: Apply<<Self as Aggregate>::Event> + Sized + Send + Sync + 'static {
    /// The category of its streams: lower case letters, digits and `_`.
    const NAME: &'static str;

    /// Raise it when the meaning of the state changes: snapshots of another version are ignored.
    const SNAPSHOT_VERSION: u32 = 1;

    /// What names one of them: [`Id<Self>`](crate::Id), or a natural key.
    type Id: Key;

    /// What can happen to it.
    type Event: Event;

    /// Why it says no.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The state before the first event.
    fn init(id: &Self::Id) -> Self;
}

/// Folds one event into a state. Infallible and pure: what has happened cannot be refused any more.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what `{E}` does to it",
    note = "write `impl Apply<{E}> for {Self} {{ fn apply(&mut self, event: &{E}) {{ … }} }}`"
)]
pub trait Apply<E> {
    /// Changes the state as `event` says.
    fn apply(&mut self, event: &E);
}

/// Decides what a command makes happen: events, or the domain's refusal.
///
/// The state cannot be changed here, only through the events that are returned; and the command comes by reference,
/// because a lost race decides again on the newer state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no rule for the command `{C}`",
    note = "write `impl Handle<{C}> for {Self} {{ fn handle(&self, command: &{C}) -> Result<Vec<Self::Event>, Self::Error> {{ … }} }}`"
)]
pub trait Handle<C>: Aggregate {
    /// The events that follow from `command` in this state; none at all is a fine answer.
    ///
    /// # Errors
    /// The aggregate's own refusal.
    fn handle(&self, command: &C) -> Result<Vec<Self::Event>, Self::Error>;
}
