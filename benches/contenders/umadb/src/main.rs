//! UmaDB: a server of its own over gRPC, one log of events, appends on a condition (DCB).
//!
//! Started with the options it has by default on a file in the folder, and ended with the contender. An account is a tag; its
//! decision reads the events with the tag, and appends if none came after the last position that was read. The server writes
//! what has come meanwhile at once, with one fsync, and one thread does all writing. All clients share one connection.
//! There are no snapshots, and no tables to build: a reader keeps its own. Reads stream the whole log, a follower subscribes.
//! Each event has an id of its own, which makes the append idempotent.

mod server;

use anyhow::{Context, Result, bail};
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, Seen, unsupported};
use futures::StreamExt;
use server::Server;
use std::process::ExitCode;
use umadb_client::{AsyncUmaDbClient, UmaDbClient};
use umadb_dcb::{DcbAppendCondition, DcbEvent, DcbEventStoreAsync, DcbQuery, DcbQueryItem};
use uuid::Uuid;

fn main() -> ExitCode {
    server::serve_if_asked().unwrap_or_else(contender::main::<UmaDb>)
}

fn event_of(account: u64, (kind, movement): &Entry) -> Result<DcbEvent> {
    let name = match kind {
        Kind::Opened => "Opened",
        Kind::Deposited => "Deposited",
        Kind::Withdrawn => "Withdrawn",
    };
    let data = serde_json::to_vec(movement)?;
    Ok(DcbEvent::new().event_type(name).tags([tag(account)]).data(data).uuid(Uuid::now_v7()))
}

fn entry_of(event: &DcbEvent) -> Result<(u64, Entry)> {
    let kind = match event.event_type.as_str() {
        "Opened" => Kind::Opened,
        "Deposited" => Kind::Deposited,
        "Withdrawn" => Kind::Withdrawn,
        other => bail!("an event of the unknown type {other}"),
    };
    let movement: Movement = serde_json::from_slice(&event.data)?;
    let account = event.tags.first().and_then(|tag| tag.strip_prefix("account:"));
    Ok((account.context("an event without an account")?.parse()?, (kind, movement)))
}

fn tag(account: u64) -> String {
    format!("account:{account}")
}

fn events_of(account: u64) -> DcbQuery {
    DcbQuery::new().item(DcbQueryItem::new().tags([tag(account)]))
}

struct UmaDb {
    client: AsyncUmaDbClient,
    server: Server,
}

/// Knows the position of the account's last event.
struct Writer {
    account: u64,
    last: Option<u64>,
}

impl UmaDb {
    /// The balance, and the last position that was looked at.
    async fn load(&self, account: u64) -> Result<(Balance, Option<u64>)> {
        let (events, head) = self.client.read_with_head(Some(events_of(account)), None, false, None).await?;
        let mut balance = Balance::default();
        for event in events {
            let (_, (kind, movement)) = entry_of(&event.event)?;
            balance.apply(kind, movement.cents);
        }
        Ok((balance, head))
    }

    async fn append_after(&self, account: u64, entries: &[Entry], last: Option<u64>) -> Result<u64> {
        let events = entries.iter().map(|entry| event_of(account, entry)).collect::<Result<_>>()?;
        let condition = DcbAppendCondition::new(events_of(account)).after(last);
        Ok(self.client.append(events, Some(condition), None).await?)
    }
}

impl Contender for UmaDb {
    type Writer = Writer;

    async fn set_up(_place: &Place) -> Result<()> {
        Ok(())
    }

    async fn open(place: &Place, mode: Mode) -> Result<Self> {
        match mode {
            Mode::Plain => (),
            Mode::Cached => return unsupported("a cache of states"),
            Mode::Snapshots => return unsupported("a snapshot"),
            _ => return unsupported("a mode of the limit"),
        }
        let server = Server::of(place)?;
        let client = UmaDbClient::new(server.url.clone()).connect_async().await?;
        Ok(Self { client, server })
    }

    fn server(&self) -> Option<u32> {
        Some(self.server.process)
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let (balance, head) = self.load(account).await?;
        if balance.version == 0 {
            bail!("the account is not open");
        }
        let entry = (Kind::Deposited, Movement::new(account, cents));
        self.append_after(account, &[entry], head).await?;
        Ok(())
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { account, last: None })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        writer.last = Some(self.append_after(writer.account, &entries, writer.last).await?);
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        Ok(self.load(account).await?.0)
    }

    /// Positions have no gaps.
    async fn count(&self) -> Result<u64> {
        Ok(self.client.head().await?.unwrap_or_default())
    }

    async fn replay(&self) -> Result<Balances> {
        let mut balances = Balances::new();
        let mut events = self.client.read(None, None, false, None).await?;
        while let Some(event) = events.next().await {
            let (account, (kind, movement)) = entry_of(&event?.event)?;
            balances.entry(account).or_default().apply(kind, movement.cents);
        }
        Ok(balances)
    }

    async fn follow(&self, seen: Seen) -> Result<()> {
        let mut events = self.client.subscribe(None, self.client.head().await?).await?;
        seen.ready();
        while let Some(event) = events.next().await {
            let (_, (_, movement)) = entry_of(&event?.event)?;
            seen.event(movement.cents);
        }
        bail!("the subscription has ended")
    }
}
