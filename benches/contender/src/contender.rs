//! [`Contender`].

use crate::{Balance, Balances, Entry, Mode, Place};
use anyhow::Result;
use std::fmt;
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// A framework on its store, used as its documentation says, with its default durability.
///
/// What it cannot do ends with [`unsupported`], and is reported as that.
pub trait Contender: Sized + Send + Sync + 'static {
    /// Appends to one account, and knows its version.
    type Writer: Send;

    /// Makes the store: database and folder are empty.
    fn set_up(place: &Place) -> impl Future<Output = Result<()>> + Send;

    /// Opens the store that is there.
    fn open(place: &Place, mode: Mode) -> impl Future<Output = Result<Self>> + Send;

    /// The process id of the server, where the contender has started one of its own.
    fn server(&self) -> Option<u32> {
        None
    }

    /// A command: loads the account, refuses if it is not open, and appends that `cents` were deposited.
    fn deposit(&self, account: u64, cents: u64) -> impl Future<Output = Result<()>> + Send;

    /// A writer for an account without events.
    fn writer(&self, account: u64) -> impl Future<Output = Result<Self::Writer>> + Send;

    /// Appends these events, all or none, if nobody else has appended to the account.
    fn append(
        &self,
        writer: &mut Self::Writer,
        entries: Vec<Entry>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// What an account comes to, from its stored events alone.
    fn balance(&self, account: u64) -> impl Future<Output = Result<Balance>> + Send;

    /// How many events are stored, as the database says.
    fn count(&self) -> impl Future<Output = Result<u64>> + Send;

    /// Reads all events in their order, decoded, and folds them in memory.
    fn replay(&self) -> impl Future<Output = Result<Balances>> + Send {
        async { unsupported("reading all events") }
    }

    /// Builds the table of balances from all events; the table was not there before.
    fn rebuild(&self, _workers: u16) -> impl Future<Output = Result<()>> + Send {
        async { unsupported("rebuilding a table") }
    }

    /// The rows of that table.
    fn rows(&self) -> impl Future<Output = Result<Balances>> + Send {
        async { unsupported("rebuilding a table") }
    }

    /// Follows all events that are appended from now on, by any process, until it is dropped. It calls
    /// [`ready`](Seen::ready) as soon as it would see the next one.
    fn follow(&self, _seen: Seen) -> impl Future<Output = Result<()>> + Send {
        async { unsupported("following the log") }
    }

    /// Waits for what is still done behind the commands, such as saving snapshots.
    fn settle(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

/// Where a follower says what it sees.
#[derive(Clone)]
pub struct Seen {
    pub(crate) times: mpsc::UnboundedSender<Sight>,
}

/// What a follower sees.
pub(crate) enum Sight {
    Ready,
    Event(u64, u64),
}

impl Seen {
    /// It would see the next event.
    pub fn ready(&self) {
        let _ = self.times.send(Sight::Ready);
    }

    /// An event with these cents, which are its number.
    pub fn event(&self, cents: u64) {
        let _ = self.times.send(Sight::Event(cents, now()));
    }
}

/// Nanoseconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// What a contender has no way to do.
#[derive(Debug)]
pub struct Unsupported(pub(crate) &'static str);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not offered", self.0)
    }
}

impl std::error::Error for Unsupported {}

/// Ends with [`Unsupported`].
pub fn unsupported<T>(what: &'static str) -> Result<T> {
    Err(Unsupported(what).into())
}
