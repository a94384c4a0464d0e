//! [`Letters`]: what a projector knows of its dead letters.

use crate::{
    Discarded, Grant, LetterChange, LetterPlace, LetterQueue, OnFailure, Parked, ProjectorError, Recorded,
    Store,
};
use std::collections::HashSet;
use std::sync::Arc;

/// Which queues stand still, and what a person has discarded.
#[derive(Debug, Clone)]
pub(crate) struct Letters {
    pub(crate) on_failure: OnFailure,
    parked: Arc<HashSet<LetterQueue>>,
    /// Parked by a batch that is not written yet.
    newly: HashSet<LetterQueue>,
    discarded: Arc<HashSet<LetterPlace>>,
    /// How many were written since this was last asked, without those that only wait.
    written: u64,
}

impl Letters {
    pub(crate) fn new(on_failure: OnFailure) -> Self {
        Self {
            on_failure,
            parked: Arc::default(),
            newly: HashSet::new(),
            discarded: Arc::default(),
            written: 0,
        }
    }

    /// As they are in the store, where only the owner of the grant changes them.
    pub(crate) async fn load(&mut self, store: &dyn Store, grant: &Grant) -> Result<(), ProjectorError> {
        let failed = |source| ProjectorError::store(&grant.projection, source);
        self.parked = match self.on_failure {
            OnFailure::Skip => Arc::default(),
            _ => Arc::new(store.queues(grant.generation).await.map_err(failed)?.into_iter().collect()),
        };
        let discarded = store.discarded(&grant.projection).await.map_err(failed)?;
        self.discarded = Arc::new(discarded.into_iter().map(|Discarded { place, .. }| place).collect());
        Ok(())
    }

    /// Whether later events of this queue wait in line.
    pub(crate) fn is_parked(&self, queue: &LetterQueue) -> bool {
        self.parked.contains(queue) || self.newly.contains(queue)
    }

    /// Whether a person has decided to do without it.
    pub(crate) fn is_discarded(&self, place: &LetterPlace) -> bool {
        self.discarded.contains(place)
    }

    /// Whether there is anything to look at for each event.
    pub(crate) fn is_empty(&self) -> bool {
        self.parked.is_empty() && self.newly.is_empty() && self.discarded.is_empty()
    }

    /// From now on the queue waits.
    pub(crate) fn park(&mut self, queue: LetterQueue) {
        if self.on_failure != OnFailure::Skip {
            self.newly.insert(queue);
        }
    }

    /// The batch that gave these letters is written.
    pub(crate) fn remember(&mut self, parked: &[Parked]) {
        if parked.is_empty() {
            return;
        }
        self.written += parked.iter().filter(|letter| letter.cause.is_some()).count() as u64;
        if self.on_failure != OnFailure::Skip {
            let queues = parked.iter().map(|letter| letter.place.queue.clone());
            Arc::make_mut(&mut self.parked).extend(queues);
        }
    }

    /// How many were written since the last call, without those that only wait.
    pub(crate) fn take_written(&mut self) -> u64 {
        std::mem::take(&mut self.written)
    }

    /// The same for a retry of `queue`, which does not stand in its own way. What fails again stays, and does not halt the
    /// projection.
    pub(crate) fn retrying(&self, queue: &LetterQueue) -> Self {
        let mut letters = self.clone();
        match queue {
            // Nothing else is looked at.
            LetterQueue::Key(_) => letters.parked = Arc::default(),
            LetterQueue::Stream(_) => drop(Arc::make_mut(&mut letters.parked).remove(queue)),
        }
        if letters.on_failure == OnFailure::Halt {
            letters.on_failure = OnFailure::ParkKey;
        }
        letters
    }
}

/// The letter of `event` in `queue`.
pub(crate) fn letter<D>(event: &Recorded<D>, queue: LetterQueue, cause: Option<String>) -> Parked {
    Parked {
        place: LetterPlace { queue, position: event.position },
        stream: event.stream.clone(),
        version: event.version,
        name: event.name.clone().into_owned(),
        cause,
    }
}

/// What a retry of `events`, which stood in `queue`, does to their letters when these are what still stands, or stands
/// anew. Where all were taken, the one behind them is the first of the queue.
pub(crate) fn retried<D>(
    queue: &LetterQueue,
    events: &[Recorded<D>],
    parked: &[Parked],
    next: Option<Parked>,
) -> Vec<LetterChange> {
    let standing: HashSet<_> = parked.iter().map(|letter| &letter.place).collect();
    let places = events.iter().map(|event| LetterPlace { queue: queue.clone(), position: event.position });
    let settled = places.filter(|place| !standing.contains(place)).map(LetterChange::Settle);
    let next = next.filter(|_| parked.iter().all(|letter| letter.place.queue != *queue));
    let parked = parked.iter().cloned().chain(next).map(LetterChange::Park);
    settled.chain(parked).collect()
}
