//! [`Bench`]: a thread of its own for code that may panic, or never come back.

use super::ProjectorError;
use crate::{Commit, Grant, Store};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How many threads may be left behind with code that does not come back, before nobody waits for others.
const HANGS_MAX: u32 = 8;

/// How often to look at the least whether a job has got any further.
const TICK_MIN: Duration = Duration::from_millis(1);

type Job = Box<dyn FnOnce() + Send>;

/// Carries out one job after the other beside the runtime, which stays free for signals, leases and everybody else.
#[derive(Default)]
pub(super) struct Bench {
    jobs: Option<mpsc::Sender<Job>>,
    /// How many threads were left behind.
    hangs: u32,
}

/// The job's code panicked.
#[derive(Debug)]
struct Panicked;

/// A job that did not come to its end.
pub(super) struct Stuck<S> {
    /// Where it was.
    pub(super) stage: S,
    /// What its code did, as in [`ProjectorError::OwnCode`].
    pub(super) how: String,
}

impl Bench {
    /// Carries out `job`, and renews the lease of `grant` meanwhile. A job whose `stage` stays the same for `time_limit` is
    /// left to itself.
    pub(super) async fn watch<T: Send + 'static, S: Copy + PartialEq>(
        &mut self,
        (store, grant): (&Arc<dyn Store>, &Grant),
        time_limit: Duration,
        stage: impl Fn() -> S,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Result<T, Stuck<S>>, ProjectorError> {
        let tick = time_limit.min(grant.lease.duration / 3).max(TICK_MIN);
        // Counted, since the whole process may have been stopped for a while.
        let ticks_max = time_limit.as_nanos().div_ceil(tick.as_nanos());
        let (mut seen, mut ticks) = (stage(), 0);
        {
            let mut job = pin!(self.run(job));
            loop {
                match tokio::time::timeout(tick, &mut job).await {
                    Ok(Ok(done)) => return Ok(Ok(done)),
                    Ok(Err(Panicked)) => {
                        return Ok(Err(Stuck { stage: stage(), how: "panicked".to_owned() }));
                    }
                    Err(_) if stage() == seen => ticks += 1,
                    Err(_) => (seen, ticks) = (stage(), 0),
                }
                if ticks >= ticks_max {
                    break;
                }
                super::commit(store, Commit::new(grant.clone(), grant.cursor)).await?;
            }
        }
        self.abandon();
        Ok(Err(Stuck { stage: seen, how: format!("has not come back after {time_limit:?}") }))
    }

    /// Whether so many threads were left behind that the next failure is not just an event's.
    pub(super) fn is_full(&self) -> bool {
        self.hangs >= HANGS_MAX
    }

    /// Carries out `job`. Dropping the future does not end the job.
    async fn run<T: Send + 'static>(
        &mut self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (done, result) = oneshot::channel();
        self.start(Box::new(move || {
            // Nobody may be waiting any more.
            let _ = done.send(job());
        }));
        result.await.map_err(|_| Panicked)
    }

    /// Leaves the thread to itself, with the job that does not come back. The next job gets another one.
    fn abandon(&mut self) {
        self.hangs += 1;
        self.jobs = None;
    }

    fn start(&mut self, job: Job) {
        let job = match &self.jobs {
            Some(jobs) => match jobs.send(job) {
                Ok(()) => return,
                Err(mpsc::SendError(job)) => job,
            },
            None => job,
        };
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || {
            for job in queue {
                // A job that panics drops the sender of its result: that tells.
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        };
        if std::thread::Builder::new().name("es-fold".to_owned()).spawn(work).is_ok() {
            // The thread that was just made waits for it.
            let _ = jobs.send(job);
            self.jobs = Some(jobs);
        } else {
            // The system has no threads left: better here than not at all.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_and_a_job_that_hangs_leave_the_next_one_alone() {
        let mut bench = Bench::default();
        assert_eq!(bench.run(|| 1).await.unwrap(), 1);
        assert!(bench.run(|| panic!("as it must")).await.is_err());
        assert_eq!(bench.run(|| 2).await.unwrap(), 2);
        let (open, never) = mpsc::channel::<()>();
        let hanging = bench.run(move || never.recv().is_ok());
        assert!(futures::poll!(std::pin::pin!(hanging)).is_pending());
        bench.abandon();
        assert_eq!(bench.run(|| 3).await.unwrap(), 3);
        drop(open);
    }
}
