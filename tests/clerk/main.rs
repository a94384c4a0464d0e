//! A process for the tests on PostgreSQL to kill, stop and continue: it appends, or it runs a projector, and writes
//! down what it is about to do and what came of it, so that the test knows what must be true.
//!
//! ```text
//! clerk append URL JOURNAL WRITER
//! clerk project URL JOURNAL GATE LEASE_MS BATCH_EVENTS_MAX
//! ```

mod journal;
mod project;
mod write;

use anyhow::{Context, Result, bail};
use es_core::StoreError;
use es_postgres::{PostgresOptions, PostgresStore};
use std::time::Duration;

/// How long to wait before the store is opened again.
const OPEN_AGAIN: Duration = Duration::from_millis(20);

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["append", url, journal, writer] => write::append(open(url).await?, journal.as_ref(), writer).await,
        ["project", url, journal, gate, lease_ms, batch_events_max] => {
            let projector = project::Settings {
                gate: gate.into(),
                lease: Duration::from_millis(lease_ms.parse().context("a number of milliseconds")?),
                batch_events_max: batch_events_max.parse().context("a number of events")?,
            };
            project::run(open(url).await?, journal.as_ref(), projector).await
        }
        _ => bail!("its arguments are no order, see above"),
    }
}

/// Opens the store, again and again while its server cannot be reached.
async fn open(url: &str) -> Result<PostgresStore> {
    let options = PostgresOptions::new(url)?.lanes(1).connections(4);
    let mut again = tokio::time::interval(OPEN_AGAIN);
    loop {
        again.tick().await;
        match options.clone().open().await {
            Err(StoreError::Unavailable { .. }) => {}
            outcome => return Ok(outcome?),
        }
    }
}
