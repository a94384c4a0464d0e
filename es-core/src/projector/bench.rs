//! [`Bench`]: a thread of its own for code that may panic, or never come back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Carries out one job after the other beside the runtime, which stays free for signals, leases and everybody else.
#[derive(Default)]
pub(super) struct Bench {
    jobs: Option<mpsc::Sender<Job>>,
}

/// The job's code panicked.
#[derive(Debug)]
pub(super) struct Panicked;

impl Bench {
    /// Carries out `job`. Dropping the future does not end the job.
    pub(super) async fn run<T: Send + 'static>(
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
    pub(super) fn abandon(&mut self) {
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
