//! `snapshots`.

use crate::bank::{Args, Bank};
use crate::program::Shop;
use clap::Parser;
use es_cli::FailureKind;
use es_core::{EventId, Payload, Snapshot, SnapshotStore, Version};
use uuid::Uuid;

pub async fn save(store: &impl SnapshotStore, stream: &str, schema_version: u32, version: u64, state: &str) {
    let snapshot = Snapshot {
        stream: stream.parse().unwrap(),
        version: Version::new(version),
        event_id: EventId::new(Uuid::from_u128(version.into())),
        schema_version,
        state: Payload::new(state.as_bytes().to_vec()),
    };
    store.save(snapshot).await.unwrap();
}

/// A bank that has saved four states.
async fn saved() -> Bank {
    let bank = Bank::with_accounts().await;
    save(&bank.store, "account-bob", 1, 2, "{}").await;
    save(&bank.store, "account-ada", 2, 3, r#"{"a":1}"#).await;
    save(&bank.store, "account-ada", 1, 2, "{}").await;
    save(&bank.store, "accounts-\u{202e}x", 1, 1_000, &"1".repeat(1_234)).await;
    bank
}

#[tokio::test]
async fn they_are_listed_by_stream_and_schema_version() {
    let bank = saved().await;
    let table = "\
stream              schema version  version  bytes
account-ada                      1        2      2
account-ada                      2        3      7
account-bob                      1        2      2
accounts-\\u{202e}x               1     1000   1234
";
    assert_eq!(bank.run("snapshots list").await.data(), table);
    let json = concat!(
        r#"{"stream":"account-ada","schema_version":1,"version":2,"bytes":2}"#,
        "\n",
        r#"{"stream":"account-ada","schema_version":2,"version":3,"bytes":7}"#,
        "\n",
    );
    assert_eq!(bank.run("snapshots list --stream account-ada --json").await.data(), json);
    assert_eq!(bank.run("snapshots list --stream account --limit 2 --json").await.data(), json);
    assert_eq!(bank.run("snapshots list --stream account --json").await.data().lines().count(), 3);
    let none = bank.run("snapshots list --stream till").await;
    assert_eq!((none.out.as_str(), none.err.as_str(), none.code), ("", "there are no snapshots\n", 0));
}

#[tokio::test]
async fn they_are_dropped_when_it_is_agreed() {
    let bank = saved().await;
    let about = "about to drop 2 snapshots of stream `account-ada`, 9 bytes\n";
    let refused = bank.run("snapshots drop account-ada").await.refusal(FailureKind::Usage);
    assert!(refused.starts_with(about) && refused.contains("nothing was changed"), "{refused}");
    assert_eq!(bank.run("snapshots list --json").await.data().lines().count(), 4);
    let state = bank.run("state account-ada").await.out;
    let dropped = bank.run("snapshots drop account-ada --yes").await;
    let said = "dropped 2 snapshots of stream `account-ada`\n";
    assert_eq!((dropped.out.as_str(), dropped.err.as_str(), dropped.code), (said, about, 0));
    assert_eq!(bank.run("state account-ada").await.out, state);
    let dropped = bank.run("snapshots drop --category account --yes").await;
    assert_eq!(dropped.out, "dropped 1 snapshot of category `account`\n");
    let dropped = bank.run("snapshots drop --all --yes").await;
    assert_eq!(dropped.out, "dropped 1 snapshot of every stream\n");
    assert_eq!(dropped.err, "about to drop 1 snapshot of every stream, 1,234 bytes\n");
    let none = bank.run("snapshots drop --all --yes").await.refusal(FailureKind::NotFound);
    assert!(none.contains("there is no snapshot of every stream"), "{none}");
}

#[test]
fn what_to_drop_is_said_exactly() {
    for line in
        ["drop", "drop account-a --all", "drop --category a-b", "drop --category a --all", "drop account"]
    {
        let words: Vec<_> = "bank snapshots".split(' ').chain(line.split(' ')).collect();
        assert!(Args::try_parse_from(words).is_err(), "{line}");
    }
}

#[tokio::test]
async fn the_program_lists_and_drops_page_by_page() {
    let shop = Shop::new().await;
    for number in 0..501 {
        save(&shop.store, &format!("account-{number:03}"), 1, 1, "{}").await;
    }
    let list = shop.es("snapshots list --json").data();
    assert_eq!(list.lines().count(), 501);
    assert!(list.ends_with("{\"stream\":\"account-500\",\"schema_version\":1,\"version\":1,\"bytes\":2}\n"));
    let dropped = shop.es("snapshots drop --all --yes");
    assert_eq!((dropped.out.as_str(), dropped.code), ("dropped 501 snapshots of every stream\n", 0));
    assert_eq!(shop.es("snapshots list --json").data(), "");
}
