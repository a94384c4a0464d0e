//! A reader that has seen enough, as `head` has.

use crate::bank::{Args, Bank};
use clap::Parser;
use es_core::{CheckpointStore, GenerationState, Lease, Metadata, ProjectionId, ViewStore, ViewWrite};
use std::io::{self, Write};
use std::time::Duration;
use uuid::Uuid;

/// A pipe whose reader has gone.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

async fn run(bank: &Bank, line: &str) -> u8 {
    let words = std::iter::once("bank").chain(line.split(' '));
    let command = Args::parse_from(words).command.unwrap();
    let outcome = es_cli::run_to(&bank.app, command, &mut Closed, &mut Vec::new()).await;
    outcome.map_or_else(|failure| failure.kind().code(), |()| 0)
}

#[tokio::test]
async fn it_ends_every_command_quietly_and_well() {
    let mut bank = Bank::with_accounts().await;
    let metadata = Metadata::new().correlated(Uuid::from_u128(8));
    bank.append_with("ada", "account.deposited", r#"{"cents":1}"#, metadata).await;
    for line in [
        "streams show account-ada",
        "streams list",
        "events tail --from begin",
        "events show 1",
        "events grep cents",
        "trace 00000000-0000-0000-0000-000000000008",
        "verify",
        "completions bash",
        "projections --json",
        "replay --all",
        "state account-ada",
    ] {
        assert_eq!(run(&bank, line).await, 0, "{line}");
    }
}

#[tokio::test]
async fn it_keeps_nobody_from_rebuilding_and_hides_no_difference() {
    let bank = Bank::with_accounts().await;
    let projection = ProjectionId::new("totals", 1).unwrap();
    let lease = Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::from_u128(9),
        duration: Duration::ZERO,
        begin: None,
        takes_over: false,
    };
    let grant = bank.store.acquire(&projection, lease).await.unwrap().unwrap();
    let writes = vec![ViewWrite { key: "all".into(), view: Some("{}".into()) }];
    bank.store
        .commit(es_core::Commit { to: grant.cursor, grant, writes, letters: Vec::new() })
        .await
        .unwrap();
    assert_eq!(run(&bank, "replay --all --check").await, 6);
    assert_eq!(run(&bank, "replay --all").await, 0);
    let view = bank.store.view(&projection, "all").await.unwrap();
    assert_eq!(view.as_deref(), Some("{\"cents\":527}"));
}
