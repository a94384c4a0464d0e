//! Writers: append to some hot streams and many cold ones, alone and to several at once, and again.

use super::event::{Ids, wrote};
use super::journal;
use super::line::Part;
use super::worker::Desk;
use anyhow::Result;
use es_core::{
    Append, AppendError, CommandId, Conflict, Expected, Store, StoreError, StreamId, StreamRange, Version,
};
use fastrand::Rng;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The category of the streams that all writers want.
pub const HOT: &str = "hot";

/// How many of them there are.
const HOT_STREAMS: u64 = 4;

/// Streams that few writers meet in.
const COLD_STREAMS: u64 = 400;

/// How often to send once more what has an unknown outcome, when the run comes to its end.
const LAST_TRIES_MAX: u32 = 200;

/// The longest pause between two operations.
const PACE_MS: u64 = 6;

struct Writer {
    desk: Desk,
    store: Arc<dyn Store>,
    /// The same, in transactions that take their time.
    slow: Option<Arc<dyn Store>>,
    dice: Rng,
    ids: Ids,
    task: u8,
    commands: u64,
    /// Where this writer believes streams to be.
    versions: HashMap<StreamId, Version>,
    /// What has to be sent again.
    unknown: Vec<Vec<Append>>,
}

/// Writes until the run wants no more.
///
/// # Errors
/// When the journal cannot be written.
pub async fn write(
    desk: &Desk,
    store: Arc<dyn Store>,
    slow: Option<&Arc<dyn Store>>,
    task: u8,
) -> Result<()> {
    let job = &desk.job;
    let mut writer = Writer {
        dice: desk.dice(task),
        ids: Ids::new(job.seed, job.worker, task, job.incarnation),
        task,
        commands: 0,
        versions: HashMap::new(),
        unknown: Vec::new(),
        desk: desk.clone(),
        store,
        slow: slow.cloned(),
    };
    if task == 1 {
        writer.take_up(&desk.past.clone())?;
    }
    while desk.orders.is_work() {
        writer.step().await?;
        let pace = Duration::from_millis(writer.dice.u64(..PACE_MS));
        writer.desk.orders.pause(pace).await;
    }
    writer.end().await
}

impl Writer {
    async fn step(&mut self) -> Result<()> {
        match self.dice.u32(..100) {
            0..54 => {
                let append = self.append()?;
                self.send(vec![append]).await
            }
            54..60 => self.be_slow().await,
            60..75 => {
                let appends = self.several()?;
                self.send(appends).await
            }
            75..83 => {
                let append = self.with_command()?;
                self.send(vec![append]).await
            }
            83..91 => match self.unknown.pop() {
                Some(appends) => self.send(appends).await,
                None => Ok(()),
            },
            91..93 => self.help_a_neighbour().await,
            _ => self.look().await,
        }
    }

    /// Sends what is still unknown until nothing is. A store that never answers is found by whoever waits for this.
    async fn end(&mut self) -> Result<()> {
        for _ in 0..LAST_TRIES_MAX {
            let Some(appends) = self.unknown.pop() else { break };
            self.send(appends).await?;
            if !self.unknown.is_empty() {
                self.desk.orders.pause(Duration::from_millis(PACE_MS)).await;
            }
        }
        Ok(())
    }

    /// Takes up what an earlier life left open.
    fn take_up(&mut self, past: &[super::line::Line]) -> Result<()> {
        for parts in journal::unresolved(past) {
            self.unknown.extend(resend(&parts)?);
        }
        Ok(())
    }

    /// Sends what another writer left open, or is just about to send.
    async fn help_a_neighbour(&mut self) -> Result<()> {
        let neighbour = self.dice.u16(1..=self.desk.job.writers);
        let lines = journal::read_tail(&journal::path(&self.desk.job.folder, neighbour))?;
        let open = journal::unresolved(&lines);
        match self.dice.choice(&open).map(|parts| resend(parts)).transpose()?.flatten() {
            Some(appends) => self.send(appends).await,
            None => Ok(()),
        }
    }

    /// Reads the end of a stream.
    async fn look(&mut self) -> Result<()> {
        let stream = self.stream()?;
        let known = self.versions.get(&stream).copied().unwrap_or_default();
        let after = known.minus(self.dice.u64(..20));
        match self.store.read(&stream, StreamRange::after(after)).await {
            Ok(page) => {
                let last = page.events.last().map(|event| event.version);
                self.versions.extend(last.map(|version| (stream, version)));
                Ok(())
            }
            Err(error) if error.is_transient() => Ok(()),
            Err(error) => self.desk.failed("reading a stream", super::witness::chain(&error)).await,
        }
    }

    /// Appends in a transaction that takes its time, where the store has that. Most go to streams that nobody else
    /// waits for.
    async fn be_slow(&mut self) -> Result<()> {
        let appends = if self.dice.u32(..6) == 0 {
            self.several()?
        } else {
            let stream = StreamId::new("cold", self.dice.u64(..COLD_STREAMS))?;
            vec![self.append_to(stream, 2)?]
        };
        let store = self.slow.clone().unwrap_or_else(|| self.store.clone());
        self.send_by(&store, appends).await
    }

    async fn send(&mut self, appends: Vec<Append>) -> Result<()> {
        let store = self.store.clone();
        self.send_by(&store, appends).await
    }

    async fn send_by(&mut self, store: &Arc<dyn Store>, appends: Vec<Append>) -> Result<()> {
        match store.append_all(appends.clone()).await {
            Ok(answers) => {
                for (append, answer) in appends.iter().zip(answers) {
                    self.versions.insert(append.stream.clone(), answer.version);
                }
            }
            Err(AppendError::Conflict(Conflict { stream, found, .. })) => {
                self.versions.insert(stream, found);
            }
            Err(AppendError::Store(StoreError::OutcomeUnknown { .. })) => self.unknown.push(appends),
            // Written down by the witness, refused or not.
            Err(AppendError::Store(_)) => (),
        }
        Ok(())
    }

    fn append(&mut self) -> Result<Append> {
        let stream = self.stream()?;
        let events = if self.dice.u32(..20) == 0 { self.dice.u64(4..30) } else { self.dice.u64(1..4) };
        self.append_to(stream, events)
    }

    fn append_to(&mut self, stream: StreamId, events: u64) -> Result<Append> {
        let known = self.versions.get(&stream).copied().unwrap_or_default();
        let expected = match self.dice.u32(..20) {
            0..9 => Expected::Any,
            9..17 => Expected::Exactly(known),
            17..19 => Expected::Exists,
            _ => Expected::Empty,
        };
        let events = (0..events).map(|_| wrote(self.ids.event_id(), None));
        Ok(Append::new(stream, expected, events.collect::<Result<_, _>>()?))
    }

    fn several(&mut self) -> Result<Vec<Append>> {
        let mut appends: Vec<Append> = Vec::new();
        for _ in 0..self.dice.u32(2..5) {
            let append = self.append()?;
            if appends.iter().all(|other| other.stream != append.stream) {
                appends.push(append);
            }
        }
        Ok(appends)
    }

    fn with_command(&mut self) -> Result<Append> {
        self.commands += 1;
        let (job, task) = (&self.desk.job, self.task);
        let command =
            CommandId::new(format!("w{}-{task}-{}-{}", job.worker, job.incarnation, self.commands))?;
        let stream = self.stream()?;
        let events = (0..self.dice.u64(1..3)).map(|_| wrote(self.ids.event_id(), Some(command.clone())));
        let mut append = Append::new(stream, Expected::Any, events.collect::<Result<_, _>>()?);
        append.command_id = Some(command);
        Ok(append)
    }

    fn stream(&mut self) -> Result<StreamId> {
        Ok(match self.dice.u32(..5) {
            0..3 => StreamId::new(HOT, self.dice.u64(..HOT_STREAMS))?,
            _ => StreamId::new("cold", self.dice.u64(..COLD_STREAMS))?,
        })
    }
}

/// The call that was written down, unless it came of a command that was decided, which its commander sends again.
fn resend(parts: &[Part]) -> Result<Option<Vec<Append>>> {
    if parts.iter().any(|part| part.stream.category() == super::commander::CATEGORY) {
        return Ok(None);
    }
    parts.iter().map(Part::append).collect::<Result<_>>().map(Some)
}
