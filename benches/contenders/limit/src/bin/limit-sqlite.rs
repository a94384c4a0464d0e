//! What rusqlite alone reaches: one file, WAL, every commit forced to the disk, one thread that writes.

use anyhow::{Context, Result, ensure};
use contender::{Balance, Balances, Contender, Entry, Kind, Mode, Movement, Place, account_of, id_of};
use contender_limit::{decode, encode, state_of};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use uuid::Uuid;

const SCHEMA: &str = "
CREATE TABLE events (
    position    INTEGER PRIMARY KEY,
    stream      TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    event_id    BLOB    NOT NULL UNIQUE,
    recorded_at INTEGER NOT NULL DEFAULT (unixepoch()),
    name        TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    UNIQUE (stream, version)
) STRICT;";
const LOAD: &str = "SELECT name, version, payload FROM events WHERE stream = ?1 ORDER BY version";
const INSERT: &str =
    "INSERT INTO events (stream, version, event_id, name, payload) VALUES (?1, ?2, ?3, ?4, ?5)";
const READ_ALL: &str = "SELECT stream, name, payload FROM events ORDER BY position";
const NEW: &str =
    "CREATE TABLE balances (id BLOB PRIMARY KEY, cents INTEGER NOT NULL, version INTEGER NOT NULL)
    STRICT, WITHOUT ROWID";

/// Writer and reader of one file. Whoever has a lock works on his own thread; there is nothing to await.
struct Limit {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
}

struct Writer {
    stream: String,
    version: i64,
}

fn file(place: &Place) -> PathBuf {
    place.folder.join("limit.db")
}

fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536")?;
    Ok(connection)
}

fn stream(account: u64) -> String {
    format!("account-{}", id_of(account))
}

impl Limit {
    fn load(&self, account: u64) -> Result<(bool, Balance)> {
        let reader = self.reader.lock().expect("nobody panics with it");
        let mut load = reader.prepare_cached(LOAD)?;
        let mut rows = load.query([stream(account)])?;
        let mut found: Vec<(String, i64, Vec<u8>)> = Vec::new();
        while let Some(row) = rows.next()? {
            found.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
        state_of(found.iter().map(|(name, version, payload)| (&**name, *version, &**payload)))
    }

    fn write(&self, stream: &str, version: i64, entries: &[Entry]) -> Result<()> {
        let mut writer = self.writer.lock().expect("nobody panics with it");
        let transaction = writer.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for (entry, version) in entries.iter().zip(version + 1..) {
                let (name, payload) = encode(entry)?;
                insert.execute(params![stream, version, Uuid::now_v7().as_bytes(), name, payload])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn fold(&self) -> Result<HashMap<Uuid, Balance>> {
        let reader = self.reader.lock().expect("nobody panics with it");
        let mut read = reader.prepare(READ_ALL)?;
        let mut rows = read.query([])?;
        let mut balances = HashMap::<Uuid, Balance>::new();
        while let Some(row) = rows.next()? {
            let stream = row.get_ref(0)?.as_str()?;
            let id = stream.strip_prefix("account-").context("a stream is an account")?.parse()?;
            let (kind, movement) = decode(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?)?;
            balances.entry(id).or_default().apply(kind, movement.cents);
        }
        Ok(balances)
    }
}

impl Contender for Limit {
    type Writer = Writer;

    async fn set_up(place: &Place) -> Result<()> {
        Ok(open(&file(place))?.execute_batch(SCHEMA)?)
    }

    async fn open(place: &Place, _: Mode) -> Result<Self> {
        let (writer, reader) = (open(&file(place))?, open(&file(place))?);
        Ok(Self { writer: writer.into(), reader: reader.into() })
    }

    async fn deposit(&self, account: u64, cents: u64) -> Result<()> {
        let (is_open, balance) = self.load(account)?;
        ensure!(is_open, "the account is not open");
        let entry = (Kind::Deposited, Movement::new(account, cents));
        self.write(&stream(account), balance.version as i64, &[entry])
    }

    async fn writer(&self, account: u64) -> Result<Writer> {
        Ok(Writer { stream: stream(account), version: 0 })
    }

    async fn append(&self, writer: &mut Writer, entries: Vec<Entry>) -> Result<()> {
        self.write(&writer.stream, writer.version, &entries)?;
        writer.version += entries.len() as i64;
        Ok(())
    }

    async fn balance(&self, account: u64) -> Result<Balance> {
        Ok(self.load(account)?.1)
    }

    async fn count(&self) -> Result<u64> {
        let reader = self.reader.lock().expect("nobody panics with it");
        let count: i64 = reader.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
        u64::try_from(count).context("a count is never negative")
    }

    async fn replay(&self) -> Result<Balances> {
        Ok(self.fold()?.into_iter().map(|(id, balance)| (account_of(id), balance)).collect())
    }

    async fn rebuild(&self, _: u16) -> Result<()> {
        let balances = self.fold()?;
        let mut writer = self.writer.lock().expect("nobody panics with it");
        let transaction = writer.transaction()?;
        transaction.execute_batch(NEW)?;
        {
            let mut insert = transaction.prepare("INSERT INTO balances VALUES (?1, ?2, ?3)")?;
            for (id, balance) in &balances {
                insert.execute(params![id.as_bytes(), balance.cents, balance.version as i64])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    async fn rows(&self) -> Result<Balances> {
        let reader = self.reader.lock().expect("nobody panics with it");
        let mut read = reader.prepare("SELECT id, cents, version FROM balances")?;
        let mut rows = read.query([])?;
        let mut balances = Balances::new();
        while let Some(row) = rows.next()? {
            let id = Uuid::from_slice(row.get_ref(0)?.as_blob()?)?;
            let balance = Balance { cents: row.get(1)?, version: row.get::<_, i64>(2)? as u64 };
            balances.insert(account_of(id), balance);
        }
        Ok(balances)
    }
}

fn main() -> ExitCode {
    contender::main::<Limit>()
}
