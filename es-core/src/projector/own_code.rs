//! [`OwnCode`]: a projection's own code, where a store's target runs it.

use super::bench::{Bench, Stuck};
use super::{NotApplied, ProjectorError};
use crate::{Grant, Payload, Recorded, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Carries out a projection's own code on a thread beside the runtime, one event after the other. Code that panics, or is
/// busy with one event for too long, is that event's failure; the lease is renewed meanwhile.
#[derive(Default)]
pub struct OwnCode {
    bench: Bench,
}

impl OwnCode {
    /// Does `each` for every one of `events`, and gives what it has made of `made`.
    ///
    /// # Errors
    /// [`NotApplied::ByEvent`] with what `each` failed with, or when it panicked or did not come back within `time_limit`;
    /// [`NotApplied::ByStore`] when the lease could not be renewed, or too many threads were left behind.
    pub async fn for_each<T: Send + 'static>(
        &mut self,
        (store, grant): (&Arc<dyn Store>, &Grant),
        time_limit: Duration,
        events: Vec<Recorded<Payload>>,
        mut made: T,
        mut each: impl FnMut(&mut T, Recorded<Payload>) -> Result<(), ProjectorError> + Send + 'static,
    ) -> Result<T, NotApplied> {
        let (events, at) = (Arc::new(events), Arc::new(AtomicUsize::new(0)));
        let job = {
            let (events, at, span) = (Arc::clone(&events), Arc::clone(&at), tracing::Span::current());
            move || {
                span.in_scope(|| {
                    for (number, event) in events.iter().enumerate() {
                        at.store(number, Ordering::Relaxed);
                        each(&mut made, event.clone())?;
                    }
                    Ok(made)
                })
            }
        };
        let watched = self.bench.watch((store, grant), time_limit, || at.load(Ordering::Relaxed), job);
        let Stuck { stage, how } = match watched.await.map_err(NotApplied::ByStore)? {
            Ok(made) => return made.map_err(NotApplied::ByEvent),
            Err(stuck) => stuck,
        };
        let error = ProjectorError::own_code(&grant.projection, events.get(stage), how);
        Err(if self.bench.is_full() { NotApplied::ByStore(error) } else { NotApplied::ByEvent(error) })
    }
}
