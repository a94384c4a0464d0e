//! [`Lanes`]: calls that wait go out together.

use crate::statements::Line;
use anyhow::{Context, Result, anyhow};
use contender::Balance;
use contender_limit::state_of;
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// How many connections load, and how many append.
const LANES: usize = 2;
/// How many events go into one statement at the most, but for a single append that has more.
const EVENTS_MAX: usize = 1_000;

pub(crate) struct Load {
    pub(crate) stream: String,
}

pub(crate) struct Append {
    pub(crate) stream: String,
    /// The version before.
    pub(crate) version: i64,
    pub(crate) events: Vec<(Uuid, &'static str, Vec<u8>)>,
}

type Asked<Q, A> = (Q, oneshot::Sender<Result<A>>);

pub(crate) struct Lanes {
    loads: Vec<mpsc::UnboundedSender<Asked<Load, (bool, Balance)>>>,
    appends: Vec<mpsc::UnboundedSender<Asked<Append, ()>>>,
}

impl Lanes {
    pub(crate) async fn start(url: &str, guarded: bool) -> Result<Self> {
        let (mut loads, mut appends) = (Vec::new(), Vec::new());
        for _ in 0..LANES {
            let (sender, queue) = mpsc::unbounded_channel();
            tokio::spawn(load(Line::open(url, guarded, false).await?, queue));
            loads.push(sender);
            let (sender, queue) = mpsc::unbounded_channel();
            tokio::spawn(append(Line::open(url, guarded, false).await?, queue));
            appends.push(sender);
        }
        Ok(Self { loads, appends })
    }

    pub(crate) async fn load(&self, load: Load) -> Result<(bool, Balance)> {
        let (answer, answered) = oneshot::channel();
        let lane = &self.loads[lane_of(&load.stream)];
        lane.send((load, answer)).ok().context("a lane has ended")?;
        answered.await?
    }

    pub(crate) async fn append(&self, append: Append) -> Result<()> {
        let (answer, answered) = oneshot::channel();
        let lane = &self.appends[lane_of(&append.stream)];
        lane.send((append, answer)).ok().context("a lane has ended")?;
        answered.await?
    }
}

fn lane_of(stream: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    stream.hash(&mut hasher);
    hasher.finish() as usize % LANES
}

async fn load(line: Line, mut queue: mpsc::UnboundedReceiver<Asked<Load, (bool, Balance)>>) {
    while let Some(first) = queue.recv().await {
        let mut asked = vec![first];
        while asked.len() < EVENTS_MAX
            && let Ok(next) = queue.try_recv()
        {
            asked.push(next);
        }
        let streams: Vec<&str> = asked.iter().map(|(load, _)| load.stream.as_str()).collect();
        let rows = match line.load_all(&streams).await {
            Ok(rows) => rows,
            Err(error) => {
                let said = format!("{error:#}");
                asked.into_iter().for_each(|(_, answer)| drop(answer.send(Err(anyhow!(said.clone())))));
                continue;
            }
        };
        let mut rows = rows.iter().peekable();
        for ((_, answer), place) in asked.into_iter().zip(1_i64..) {
            let own = std::iter::from_fn(|| rows.next_if(|row| row.get::<_, i64>(3) == place));
            let state = state_of(own.map(|row| (row.get(0), row.get(1), row.get(2))));
            let _ = answer.send(state);
        }
    }
}

async fn append(line: Line, mut queue: mpsc::UnboundedReceiver<Asked<Append, ()>>) {
    while let Some((first, answer)) = queue.recv().await {
        let mut events = first.events.len();
        let (mut appends, mut answers) = (vec![first], vec![answer]);
        while events < EVENTS_MAX
            && let Ok((append, answer)) = queue.try_recv()
        {
            events += append.events.len();
            appends.push(append);
            answers.push(answer);
        }
        let written = line.append(&appends).await.map_err(|error| format!("{error:#}"));
        for answer in answers {
            let _ = answer.send(written.clone().map_err(|said| anyhow!(said)));
        }
    }
}
