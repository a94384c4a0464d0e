//! [`Reactor`]: side effects of events.

mod target;

pub(crate) use target::ReactorTarget;

use crate::{BackendError, Cursor, Event, EventStore, Filter, OnFailure, Position, Recorded, StoreError};
use std::time::Duration;

/// What happens outside because of an event: a mail, a call of another system.
///
/// At least once, one event after the other in the order of the log, and never during a replay. When a process dies
/// between an effect and its checkpoint the effect happens again: give the
/// [event's id](Recorded::event_id) on as the idempotency key. What it has got to is kept under its name, as for a
/// projection; [`App::run`](crate::App::run) runs it, in one process at a time. While another takes over from one that
/// was paused or cut off, both may be at the same event.
///
/// ```
/// # use es_core::{App, Event, ReactError, Reactor, Recorded, StartFrom};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Debug, Event, Serialize, Deserialize)]
/// # #[event(prefix = "account")]
/// # enum AccountEvent { Opened { mail: String } }
/// # struct Mailer;
/// # impl Mailer { async fn send(&self, _: &str, _: String) -> Result<(), std::io::Error> { Ok(()) } }
/// struct Welcome {
///     mailer: Mailer,
/// }
///
/// impl Reactor for Welcome {
///     const NAME: &'static str = "welcome";
///     type Event = AccountEvent;
///
///     async fn react(&self, event: &Recorded<AccountEvent>) -> Result<(), ReactError> {
///         let AccountEvent::Opened { mail } = &event.data;
///         self.mailer.send(mail, event.event_id.to_string()).await?;
///         Ok(())
///     }
/// }
///
/// # let store = es_memory::MemoryStore::default();
/// let app = App::new(store).reactor(Welcome { mailer: Mailer }, StartFrom::Now);
/// ```
pub trait Reactor: Send + Sync + 'static {
    /// The name its progress is kept under: lower case letters, digits, `_` and `.`; no projection has the same.
    const NAME: &'static str;

    /// What becomes of an event that cannot be decoded, or that [`react`](Self::react) gives up or panics at. Where its
    /// key is parked, that is its stream.
    const ON_FAILURE: OnFailure = OnFailure::Halt;

    /// How long one reaction may take before it is dropped and tried again.
    const TIME_LIMIT: Duration = Duration::from_secs(60);

    /// What it reads.
    type Event: Event;

    /// Which events it is given; by default all that [`Event`](Self::Event) can read.
    fn filter() -> Filter {
        Filter::of::<Self::Event>()
    }

    /// Does what `event` asks for. Dropped half way when the lease is lost or the process ends.
    ///
    /// # Errors
    /// [`ReactError::TryAgain`] to be called again after a while, for as long as it takes; [`ReactError::GiveUp`] where
    /// that is no use, and a person has to see it.
    fn react(&self, event: &Recorded<Self::Event>) -> impl Future<Output = Result<(), ReactError>> + Send;
}

/// Why a [`Reactor`] could not do what an event asks for. The operator `?` makes any error one that is tried again.
#[derive(Debug)]
pub enum ReactError {
    /// It may work later: the other system is down, the network is.
    TryAgain(BackendError),
    /// It will never work: see [`Reactor::ON_FAILURE`].
    GiveUp(BackendError),
}

impl<E: Into<BackendError>> From<E> for ReactError {
    fn from(error: E) -> Self {
        Self::TryAgain(error.into())
    }
}

/// Where a [`Reactor`] starts when it has never run before. Later it goes on where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartFrom {
    /// With what is recorded after its first start.
    Now,
    /// With the first event there ever was.
    Beginning,
    /// With what comes behind the event at this position.
    Behind(Position),
}

impl StartFrom {
    /// The row to begin behind.
    pub(crate) async fn cursor<S: EventStore + ?Sized>(
        self,
        store: &S,
    ) -> Result<Option<Cursor>, StoreError> {
        match self {
            Self::Beginning | Self::Behind(Position::START) => Ok(None),
            Self::Now => store.head().await,
            Self::Behind(position) => match store.event_id_at(position).await? {
                Some(event_id) => Ok(Some(Cursor { position, event_id })),
                None => Err(StoreError::Unusable(format!(
                    "there is no event at position {position} to start behind"
                ))),
            },
        }
    }
}
