//! [`Crew`]: the workers of a run, as processes, or as tasks where the store lives in memory.

use super::orders::{Orders, Phase};
use super::patience::Patience;
use super::worker::{self, Job};
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The word on the command line that makes this program a worker.
pub const WORKER: &str = "worker";

/// The workers of a run.
pub struct Crew {
    members: Vec<Member>,
    /// What went wrong with a worker by itself.
    pub failures: Vec<String>,
    /// How many were killed.
    pub kills: u64,
}

struct Member {
    job: Job,
    life: Life,
}

enum Life {
    Process(Box<Child>),
    Task(JoinHandle<Result<()>>, watch::Sender<Phase>),
}

impl Crew {
    /// Starts a worker for each job.
    ///
    /// # Errors
    /// When a process cannot be started.
    pub fn start(jobs: Vec<Job>) -> Result<Self> {
        let start = |job: Job| Ok(Member { life: Life::start(&job)?, job });
        let members = jobs.into_iter().map(start).collect::<Result<_>>()?;
        Ok(Self { members, failures: Vec::new(), kills: 0 })
    }

    /// Kills a worker wherever it is, and starts another in its place, with the same journal.
    ///
    /// # Errors
    /// When it cannot be killed or started.
    pub async fn kill(&mut self, index: usize) -> Result<()> {
        let member = &mut self.members[index];
        match &mut member.life {
            Life::Process(child) => {
                if let Some(status) = child.try_wait()? {
                    self.failures.push(format!("worker {} ended by itself: {status}", member.job.worker));
                }
                child.kill().await?;
            }
            Life::Task(task, _) => {
                task.abort();
                if let Ok(Err(error)) = task.await {
                    self.failures.push(format!("worker {} ended by itself: {error:#}", member.job.worker));
                }
            }
        }
        self.kills += 1;
        member.job.incarnation += 1;
        member.life = Life::start(&member.job)?;
        Ok(())
    }

    /// Sends a signal to a worker that is a process.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn signal(&self, index: usize, signal: Signal) -> Result<()> {
        let Life::Process(child) = &self.members[index].life else { return Ok(()) };
        // A process that has ended by itself is found when it is waited for.
        let Some(id) = child.id() else { return Ok(()) };
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has a number")?;
        kill_process(pid, signal).with_context(|| format!("{signal:?} to process {id}"))
    }

    /// Lets everybody go on who was stopped.
    ///
    /// # Errors
    /// When a signal cannot be sent.
    pub fn continue_all(&self) -> Result<()> {
        (0..self.members.len()).try_for_each(|index| self.signal(index, Signal::CONT))
    }

    /// Says what the run wants now.
    pub async fn say(&mut self, phase: Phase) {
        for member in &mut self.members {
            match &mut member.life {
                Life::Process(child) => {
                    if let Some(stdin) = &mut child.stdin {
                        // One that has ended hears nothing; that it has is found when it is waited for.
                        drop(stdin.write_all(phase.to_line().as_bytes()).await);
                    }
                }
                Life::Task(_, say) => {
                    say.send_replace(phase);
                }
            }
        }
    }

    /// Waits until those whose job is `wanted` have ended, and gives the numbers of those who have not while there was
    /// patience.
    pub async fn wait(&mut self, patience: &mut Patience, wanted: impl Fn(&Job) -> bool) -> Vec<u16> {
        let mut late = Vec::new();
        for member in self.members.iter_mut().filter(|member| wanted(&member.job)) {
            let worker = member.job.worker;
            match patience.wait(member.life.end()).await {
                Some(Ok(())) => (),
                Some(Err(error)) => self.failures.push(format!("worker {worker} failed: {error:#}")),
                None => late.push(worker),
            }
        }
        late
    }

    /// Ends whoever is left.
    ///
    /// # Errors
    /// When a process cannot be ended.
    pub async fn dismiss(&mut self) -> Result<()> {
        for member in &mut self.members {
            match &mut member.life {
                Life::Process(child) => child.kill().await?,
                Life::Task(task, _) => task.abort(),
            }
        }
        Ok(())
    }
}

impl Life {
    fn start(job: &Job) -> Result<Self> {
        if job.place.is_in_this_process() {
            let (say, orders) = Orders::new();
            return Ok(Self::Task(tokio::spawn(worker::work(job.clone(), orders)), say));
        }
        let errors = job.folder.join(format!("worker-{}.txt", job.worker));
        let errors = OpenOptions::new().create(true).append(true).open(errors)?;
        let child = Command::new(std::env::current_exe()?)
            .arg(WORKER)
            .arg(serde_json::to_string(job)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self::Process(Box::new(child)))
    }

    async fn end(&mut self) -> Result<()> {
        match self {
            Self::Process(child) => {
                // Closing the standard input would end it at once: `wait` does that, so it is kept.
                let stdin = child.stdin.take();
                let ended = child.wait().await;
                drop(stdin);
                let status = ended?;
                anyhow::ensure!(status.success(), "{status}");
                Ok(())
            }
            Self::Task(task, _) => task.await?,
        }
    }
}
