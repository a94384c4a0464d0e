//! [`Projection`] and [`Fate`].

use crate::{Event, Filter, Key, KeyError, OnFailure, Recorded};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// A pure fold of events, of any streams, into one document per key: a *view*. `Self` is the view.
///
/// Because it is pure it runs on every store, in batches of any size, and is rebuilt without the user's help. A
/// [`Projector`](crate::Projector) runs it. A projection over several aggregates takes a union of their events
/// (`#[event(transparent)]`).
///
/// ```
/// # use es_core::{Aggregate, Apply, Event, Fate, Id, KeyError, Projection, Recorded};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, PartialEq, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Deposited { cents: u64 } }
/// # #[derive(Aggregate)]
/// # #[aggregate(event = AccountEvent, error = std::fmt::Error)]
/// # struct Account { id: Id<Account> }
/// # impl Apply<AccountEvent> for Account { fn apply(&mut self, _: &AccountEvent) { let _ = self.id; } }
/// #[derive(Debug, Default, Serialize, Deserialize)]
/// struct Movements(u32);
///
/// impl Projection for Movements {
///     const NAME: &'static str = "movements";
///     type Event = AccountEvent;
///     type Key = Id<Account>;
///
///     fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = Id<Account>>, KeyError> {
///         Ok([event.stream.id::<Account>()?])
///     }
///
///     fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
///         self.0 += 1;
///         Fate::Keep
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection",
    note = "write `impl Projection for {Self} {{ … }}` on a struct that is `Default + Serialize + Deserialize`"
)]
pub trait Projection: Default + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name its read model is stored under: lower case letters, digits, `_` and `.`.
    const NAME: &'static str;

    /// Raise it when the same events give other views: each version has a read model of its own.
    const VERSION: u32 = 1;

    /// What becomes of an event that it cannot take: that cannot be decoded or has no key, or at which its code panics or
    /// does not come back.
    const ON_FAILURE: OnFailure = OnFailure::Halt;

    /// How long its code may be busy with one event.
    const TIME_LIMIT: Duration = Duration::from_secs(30);

    /// What it reads.
    type Event: Event;

    /// What names one view.
    type Key: Key;

    /// Which events it is given; by default all that [`Event`](Self::Event) can read, see [`Filter::of`].
    fn filter() -> Filter {
        Filter::of::<Self::Event>()
    }

    /// The views that `event` changes: none, one or several; one that is named twice is changed once.
    ///
    /// # Errors
    /// [`KeyError`] when the event should have a key and has none: see [`ON_FAILURE`](Self::ON_FAILURE).
    fn keys(event: &Recorded<Self::Event>) -> Result<impl IntoIterator<Item = Self::Key>, KeyError>;

    /// Folds `event` into the view of one of its keys, and says whether the view stays. A view that does not exist
    /// yet starts as [`Default`]. Pure: the same events give the same view, byte for byte.
    fn project(&mut self, event: &Recorded<Self::Event>) -> Fate;
}

/// What becomes of a view after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It is gone; a later event of its key starts it anew.
    Delete,
}
