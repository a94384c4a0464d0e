//! What tokio-postgres alone reaches: held connections, prepared statements, a unique position, stream and version, and
//! event id, as an event store needs them. It has no errors worth the name, no snapshots, no second try.

mod lanes;
mod log;
mod statements;

use anyhow::{Context, Result, ensure};
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, Seen, id_of, unsupported};
use contender_limit::{encode, state_of};
use lanes::{Append, Lanes, Load};
use statements::{Line, SCHEMA, connect};
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

/// How many connections are held where calls are not coalesced.
const CONNECTIONS: usize = 16;

struct Limit {
    url: String,
    lines: Vec<Line>,
    next: AtomicUsize,
    lanes: Option<Lanes>,
    /// The states that are kept, where they are.
    states: Option<Mutex<HashMap<u64, Balance>>>,
}

struct Writer {
    stream: String,
    version: i64,
}

fn stream(account: u64) -> String {
    format!("account-{}", id_of(account))
}

impl Limit {
    /// A line that no other call has, as long as there are enough.
    fn line(&self) -> &Line {
        &self.lines[self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len()]
    }

    async fn load(&self, account: u64) -> Result<(bool, Balance)> {
        if let Some(lanes) = &self.lanes {
            return lanes.load(Load { stream: stream(account) }).await;
        }
        let rows = self.line().load(&stream(account)).await?;
        state_of(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))))
    }

    async fn write(&self, append: Append) -> Result<()> {
        match &self.lanes {
            Some(lanes) => lanes.append(append).await,
            None => self.line().append(std::slice::from_ref(&append)).await,
        }
    }

    fn kept(&self, account: u64) -> Option<Balance> {
        let states = self.states.as_ref()?.lock().expect("nobody panics with it");
        states.get(&account).copied()
    }
}

impl Contender for Limit {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        connect(&place.url).await?.batch_execute(SCHEMA).await?;
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        let guarded = matches!(mode, Mode::Guarded | Mode::CoalescedGuarded);
        let notifying = mode == Mode::Notifying;
        let coalesced = matches!(mode, Mode::Coalesced | Mode::CoalescedGuarded | Mode::Cached);
        let mut lines = Vec::new();
        for _ in 0..if coalesced { 1 } else { CONNECTIONS } {
            lines.push(Line::open(&place.url, guarded, notifying).await?);
        }
        let lanes = match coalesced {
            true => Some(Lanes::start(&place.url, guarded).await?),
            false => None,
        };
        let states = (mode == Mode::Cached).then(Mutex::default);
        Ok(Self { url: place.url.clone(), lines, next: AtomicUsize::new(0), lanes, states })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let (is_open, mut balance) = match self.kept(account) {
            Some(balance) => (true, balance),
            None => self.load(account).await?,
        };
        ensure!(is_open, "the account is not open");
        let (name, payload) = encode(&(Kind::Deposited, Movement::new(account, cents)))?;
        let event = (Uuid::now_v7(), name, payload);
        let append = Append { stream: stream(account), version: balance.version as i64, events: vec![event] };
        self.write(append).await?;
        if let Some(states) = &self.states {
            balance.apply(Kind::Deposited, cents);
            states.lock().expect("nobody panics with it").insert(account, balance);
        }
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { stream: stream(account), version: 0 })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        let event = |entry: &Entry| encode(entry).map(|(name, payload)| (Uuid::now_v7(), name, payload));
        let events = entries.iter().map(event).collect::<Result<Vec<_>>>()?;
        let count = events.len() as i64;
        self.write(Append { stream: writer.stream.clone(), version: writer.version, events }).await?;
        writer.version += count;
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        let rows = self.line().load(&stream(account)).await?;
        Ok(state_of(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))))?.1)
    }

    async fn count(&self) -> Result<u64> {
        let row = connect(&self.url).await?.query_one("SELECT count(*) FROM events", &[]).await?;
        u64::try_from(row.get::<_, i64>(0)).context("a count is never negative")
    }

    async fn replay(&self) -> Result<Balances> {
        log::fold(&self.url).await
    }

    async fn rebuild(&self, workers: u16) -> Result<()> {
        if workers > 1 {
            return unsupported("more than two readers");
        }
        log::rebuild(&self.url).await
    }

    async fn rows(&self) -> Result<Balances> {
        log::rows(&self.url).await
    }

    async fn follow(&self, seen: Seen) -> Result<()> {
        log::follow(&self.url, seen).await
    }
}

fn main() -> ExitCode {
    contender::main::<Limit>()
}
