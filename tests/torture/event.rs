//! What the processes write: [`TortureEvent`], the [`Counter`] that is folded from some of them, and its command.

use es_core::{
    Aggregate, Apply, CommandId, EncodeError, Event, EventId, Handle, IdSource, Metadata, NewEvent,
};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Event, Serialize, Deserialize)]
#[event(prefix = "torture")]
pub enum TortureEvent {
    /// A writer wrote.
    Wrote { amount: u64 },
    /// A command was carried out, which believed that this is the total then.
    Counted { amount: u64, total: u64 },
}

impl TortureEvent {
    /// What it adds to a sum.
    pub fn amount(&self) -> u64 {
        match self {
            Self::Wrote { amount } | Self::Counted { amount, .. } => *amount,
        }
    }
}

/// A sum that decides with what it believes to be its total.
#[derive(Debug, Clone, PartialEq, Eq, Aggregate, Serialize, Deserialize)]
#[aggregate(event = TortureEvent, error = Odd, id = String)]
pub struct Counter {
    id: String,
    /// The sum of all amounts.
    pub total: u64,
}

/// A refusal by the domain.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sum would end with a 7")]
pub struct Odd;

/// A command.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// How much to add.
    pub amount: u64,
}

impl Apply<TortureEvent> for Counter {
    fn apply(&mut self, event: &TortureEvent) {
        self.total += event.amount();
    }
}

impl Handle<Count> for Counter {
    fn handle(&self, command: &Count) -> Result<Vec<TortureEvent>, Odd> {
        let total = self.total + command.amount;
        if total % 10 == 7 {
            return Err(Odd);
        }
        Ok(vec![TortureEvent::Counted { amount: command.amount, total }])
    }
}

/// The event with this id, as a writer sends it: the same each time.
///
/// # Errors
/// [`EncodeError`] when it has no JSON form.
pub fn wrote(id: EventId, command: Option<CommandId>) -> Result<NewEvent, EncodeError> {
    let amount = u64::try_from(id.uuid().as_u128() % 1_000).unwrap_or_default();
    let metadata = command.map_or_else(Metadata::new, |command| Metadata::new().command(command));
    NewEvent::encode(&TortureEvent::Wrote { amount }, id, metadata)
}

/// Ids that tell which process made them, and are never made twice.
#[derive(Debug)]
pub struct Ids {
    high: u64,
    next: AtomicU64,
}

impl Ids {
    /// The ids of one life of one task of one process.
    pub fn new(seed: u64, worker: u16, task: u8, incarnation: u64) -> Self {
        let seed = seed & 0xFFFF_FFFF;
        let high = seed << 32 | u64::from(worker) << 16 | u64::from(task) << 8;
        Self { high, next: AtomicU64::new(incarnation << 32) }
    }

    /// A new event id.
    pub fn event_id(&self) -> EventId {
        EventId::new(self.next())
    }
}

impl IdSource for Ids {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(self.high, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
