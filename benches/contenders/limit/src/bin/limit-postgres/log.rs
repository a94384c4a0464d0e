//! Reading all events.

use crate::statements::connect;
use anyhow::{Context, Result};
use contender::{Balance, Balances, Kind, Seen, account_of};
use contender_limit::decode;
use futures::{StreamExt, pin_mut, stream};
use std::collections::HashMap;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::{BinaryCopyInWriter, BinaryCopyOutStream};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, NoTls};
use uuid::Uuid;

const NEW: &str =
    "CREATE TABLE balances_new (id uuid PRIMARY KEY, cents bigint NOT NULL, version bigint NOT NULL)";
const FILL: &str = "COPY balances_new (id, cents, version) FROM STDIN (FORMAT binary)";
const SWAP: &str =
    "BEGIN; DROP TABLE IF EXISTS balances; ALTER TABLE balances_new RENAME TO balances; COMMIT";

/// Reads both halves of the log with COPY at the same time, and folds each.
pub(crate) async fn fold(url: &str) -> Result<Balances> {
    let by_id = fold_by_id(url).await?;
    Ok(by_id.into_iter().map(|(id, balance)| (account_of(id), balance)).collect())
}

async fn fold_by_id(url: &str) -> Result<HashMap<Uuid, Balance>> {
    let row = connect(url).await?.query_one("SELECT coalesce(max(position), 0) FROM events", &[]).await?;
    let last: i64 = row.get(0);
    let first = tokio::spawn(fold_part(url.to_owned(), 0, last / 2));
    let second = tokio::spawn(fold_part(url.to_owned(), last / 2, last));
    let mut balances = first.await??;
    for (id, part) in second.await?? {
        let balance = balances.entry(id).or_default();
        balance.cents += part.cents;
        balance.version += part.version;
    }
    Ok(balances)
}

async fn fold_part(url: String, after: i64, up_to: i64) -> Result<HashMap<Uuid, Balance>> {
    let client = connect(&url).await?;
    let copy = format!(
        "COPY (SELECT stream, name, payload FROM events WHERE position > {after} AND position <= {up_to}
        ORDER BY position) TO STDOUT (FORMAT binary)"
    );
    let rows =
        BinaryCopyOutStream::new(client.copy_out(&copy).await?, &[Type::TEXT, Type::TEXT, Type::BYTEA]);
    pin_mut!(rows);
    let mut balances = HashMap::<Uuid, Balance>::new();
    while let Some(row) = rows.next().await {
        let row = row?;
        let stream: &str = row.try_get(0)?;
        let id = stream.strip_prefix("account-").context("a stream is an account")?.parse()?;
        let (kind, movement) = decode(row.try_get(1)?, row.try_get(2)?)?;
        balances.entry(id).or_default().apply(kind, movement.cents);
    }
    Ok(balances)
}

/// Folds in memory, copies the result into a new table, and puts it into the place of the old one.
pub(crate) async fn rebuild(url: &str) -> Result<()> {
    let balances = fold_by_id(url).await?;
    let client = connect(url).await?;
    client.batch_execute(NEW).await?;
    let sink = client.copy_in(FILL).await?;
    let writer = BinaryCopyInWriter::new(sink, &[Type::UUID, Type::INT8, Type::INT8]);
    pin_mut!(writer);
    for (id, balance) in &balances {
        writer.as_mut().write(&[id, &balance.cents, &(balance.version as i64)]).await?;
    }
    writer.finish().await?;
    client.batch_execute(SWAP).await?;
    Ok(())
}

pub(crate) async fn rows(url: &str) -> Result<Balances> {
    let rows = connect(url).await?.query("SELECT id, cents, version FROM balances", &[]).await?;
    let balance =
        |row: &tokio_postgres::Row| Balance { cents: row.get(1), version: row.get::<_, i64>(2) as u64 };
    Ok(rows.iter().map(|row| (account_of(row.get(0)), balance(row))).collect())
}

/// Listens, and reads what is new whenever it hears something.
pub(crate) async fn follow(url: &str, seen: Seen) -> Result<()> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (heard, mut hears) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(|context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, AsyncMessage::Notification(_)) && heard.send(()).is_err() {
                break;
            }
        }
    });
    client.batch_execute("LISTEN appended").await?;
    let read = "SELECT position, name, payload FROM events WHERE position > $1 ORDER BY position";
    let read = client.prepare(read).await?;
    let mut after: i64 = client.query_one("SELECT coalesce(max(position), 0) FROM events", &[]).await?.get(0);
    seen.ready();
    while hears.recv().await.is_some() {
        for row in client.query(&read, &[&after]).await? {
            after = row.get(0);
            if let (Kind::Deposited, movement) = decode(row.get(1), row.get(2))? {
                seen.event(movement.cents);
            }
        }
    }
    anyhow::bail!("the connection that listens has ended")
}
