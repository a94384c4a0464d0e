//! [`OwnCode`]: a projection's own code, where a store's target runs it.

use super::bench::{Bench, Panicked};
use super::{NotApplied, ProjectorError, commit};
use crate::{Commit, Grant, Payload, Recorded, Store};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many threads may be left behind with code that does not come back, before the projection halts whatever it says.
const HANGS_MAX: u32 = 8;

/// How often to look at the least whether an event has been dealt with.
const TICK_MIN: Duration = Duration::from_millis(1);

/// Carries out a projection's own code on a thread beside the runtime, one event after the other. Code that panics, or is
/// busy with one event for too long, is that event's failure; the lease is renewed meanwhile.
#[derive(Default)]
pub struct OwnCode {
    bench: Bench,
    /// How many threads were left behind.
    hangs: u32,
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
        let tick = time_limit.min(grant.lease.duration / 3).max(TICK_MIN);
        // Counted, since the whole process may have been stopped for a while.
        let ticks_max = time_limit.as_nanos().div_ceil(tick.as_nanos());
        let (mut seen, mut ticks) = (0, 0);
        let hangs = {
            let mut job = pin!(self.bench.run(job));
            loop {
                match tokio::time::timeout(tick, &mut job).await {
                    Ok(Ok(made)) => return made.map_err(NotApplied::ByEvent),
                    Ok(Err(Panicked)) => break false,
                    Err(_) if at.load(Ordering::Relaxed) == seen => ticks += 1,
                    Err(_) => (seen, ticks) = (at.load(Ordering::Relaxed), 0),
                }
                if ticks >= ticks_max {
                    break true;
                }
                let renewed = commit(store, Commit::new(grant.clone(), grant.cursor)).await;
                renewed.map_err(NotApplied::ByStore)?;
            }
        };
        let event = events.get(at.load(Ordering::Relaxed));
        Err(self.failed(grant, time_limit, event, hangs))
    }

    fn failed(
        &mut self,
        grant: &Grant,
        time_limit: Duration,
        event: Option<&Recorded<Payload>>,
        hangs: bool,
    ) -> NotApplied {
        if !hangs {
            let how = "panicked".to_owned();
            return NotApplied::ByEvent(ProjectorError::own_code(&grant.projection, event, how));
        }
        self.bench.abandon();
        self.hangs += 1;
        let how = format!("has not come back after {time_limit:?}");
        let error = ProjectorError::own_code(&grant.projection, event, how);
        if self.hangs < HANGS_MAX { NotApplied::ByEvent(error) } else { NotApplied::ByStore(error) }
    }
}
