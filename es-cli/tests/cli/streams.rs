//! `streams`.

use crate::bank::{Bank, noon};
use crate::program::Shop;
use chrono::TimeDelta;
use es_cli::FailureKind;
use es_core::{CommandId, Metadata};
use uuid::Uuid;

#[tokio::test]
async fn a_history_is_a_table() {
    let mut bank = Bank::with_accounts().await;
    let earlier = Metadata::new().occurred(noon() - TimeDelta::days(1));
    bank.append_with("ada", "account.deposited", r#"{ "cents" : 1 }"#, earlier).await;
    let table = "\
version  position  recorded                  occurred                  name               payload
      1         1  2026-01-31T12:00:00.000Z  -                         account.opened     {\"owner\":\"Ada\"}
      2         3  2026-01-31T12:02:00.000Z  -                         account.deposited  {\"cents\":500}
      3         5  2026-01-31T12:04:00.000Z  -                         account.deposited  {\"cents\":7}
      4         6  2026-01-31T12:05:00.000Z  2026-01-30T12:00:00.000Z  account.deposited  {\"cents\":1}
";
    assert_eq!(bank.run("streams show account-ada").await.data(), table);
}

#[tokio::test]
async fn a_part_says_how_to_go_on() {
    let bank = Bank::with_accounts().await;
    let ran = bank.run("streams show account-ada --after 1 --limit 1").await;
    let versions: Vec<_> = ran.out.lines().skip(1).map(|line| line.trim().split(' ').next()).collect();
    assert_eq!(versions, [Some("2")]);
    assert_eq!((ran.err.as_str(), ran.code), ("there is more: go on with --after 2\n", 0));
    assert_eq!(bank.run("streams show account-ada --after 3").await.data(), "");
}

#[tokio::test]
async fn the_json_has_all_that_is_known() {
    let mut bank = Bank::new();
    bank.deposit("ada", 5).await;
    let metadata = Metadata::new()
        .by("teller \u{1b}")
        .command(CommandId::new("c-1").unwrap())
        .correlated(Uuid::from_u128(8))
        .caused_by(Uuid::from_u128(9))
        .occurred(noon())
        .with("tenant", "blue");
    bank.append_with("ada", "account.deposited", r#"{"cents": 18446744073709551616}"#, metadata).await;
    let json = concat!(
        "{\"stream\":\"account-ada\",\"events\":[\n",
        r#"{"version":1,"position":1,"event_id":"00000000-0000-0000-0000-000000000001","name":"account.deposited","#,
        r#""schema_version":1,"recorded_at":"2026-01-31T12:00:00.000000Z","occurred_at":null,"#,
        r#""correlation_id":null,"causation_id":null,"command_id":null,"traceparent":null,"actor":null,"#,
        r#""extra":{},"payload":{"cents":5}},"#,
        "\n",
        r#"{"version":2,"position":2,"event_id":"00000000-0000-0000-0000-000000000002","name":"account.deposited","#,
        r#""schema_version":1,"recorded_at":"2026-01-31T12:01:00.000000Z","#,
        r#""occurred_at":"2026-01-31T12:00:00.000000Z","#,
        r#""correlation_id":"00000000-0000-0000-0000-000000000008","#,
        r#""causation_id":"00000000-0000-0000-0000-000000000009","command_id":"c-1","traceparent":null,"#,
        r#""actor":"teller \u001b","extra":{"tenant":"blue"},"payload":{"cents":18446744073709551616}}"#,
        "\n]}\n",
    );
    let shown = bank.run("streams show account-ada --json").await.data();
    assert_eq!(shown, json);
    assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok());
    let past = bank.run("streams show account-ada --json --after 2").await.data();
    assert_eq!(past, "{\"stream\":\"account-ada\",\"events\":[\n]}\n");
}

#[tokio::test]
async fn a_long_history_comes_whole() {
    let mut bank = Bank::new();
    for cents in 0..1_234 {
        bank.deposit("ada", cents).await;
    }
    let table = bank.run("streams show account-ada").await.data();
    assert_eq!(table.lines().count(), 1_235);
    assert!(table.ends_with("{\"cents\":1233}\n"));
    let json = bank.run("streams show account-ada --json --after 100 --limit 1000").await.data();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let versions: Vec<_> = json["events"].as_array().unwrap().iter().map(|event| &event["version"]).collect();
    assert_eq!(
        (versions.len(), versions[0].as_u64(), versions[999].as_u64()),
        (1_000, Some(101), Some(1_100))
    );
}

#[tokio::test]
async fn nothing_that_was_stored_reaches_the_terminal_as_a_command() {
    let mut bank = Bank::new();
    let hostile = "{\"owner\":\"\\u001b[2J \u{7f}\u{9b}31m \u{202e}evil \u{2028}\"}";
    bank.append("\u{202e}ada", "account.opened", hostile).await;
    let shown = bank.run("streams show account-\u{202e}ada").await.data();
    let payload = r#"{"owner":"\u001b[2J \u007f\u009b31m \u202eevil \u2028"}"#;
    assert!(shown.ends_with(&format!("{payload}\n")), "{shown}");
    let json = bank.run("streams show account-\u{202e}ada --json").await.data();
    assert!(json.starts_with(r#"{"stream":"account-\u202eada","#) && json.contains(payload), "{json}");
    let missing = bank.run("streams show account-\u{202e}").await.refusal(FailureKind::NotFound);
    assert!(missing.starts_with("error: stream `account-\\u{202e}` has no events\n"), "{missing}");
    for text in [shown, json, missing] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
    }
}

#[tokio::test]
async fn a_stream_that_is_none_is_refused() {
    let bank = Bank::with_accounts().await;
    assert_eq!(
        bank.run("streams show account-eve").await.refusal(FailureKind::NotFound),
        "error: stream `account-eve` has no events\n\
         hint: check the key, and which store is meant (--store)\n"
    );
    assert_eq!(
        bank.run("streams show account").await.refusal(FailureKind::Usage),
        "error: stream id `account` has no `-` between category and key\n\
         hint: write a category, `-` and a key, as in account-DE02\n"
    );
}

#[tokio::test]
async fn streams_are_listed_in_the_order_in_which_they_began() {
    let mut bank = Bank::with_accounts().await;
    bank.deposit("a\u{202e}", 1).await;
    let table = "\
stream             position  recorded                  name
account-ada               1  2026-01-31T12:00:00.000Z  account.opened
account-bob               2  2026-01-31T12:01:00.000Z  account.opened
account-a\\u{202e}         6  2026-01-31T12:05:00.000Z  account.deposited
";
    assert_eq!(bank.run("streams list").await.data(), table);
    let json = r#"{"stream":"account-bob","position":2,"recorded_at":"2026-01-31T12:01:00.000000Z","name":"account.opened"}"#;
    assert_eq!(bank.run("streams list --prefix account-b --json").await.data(), format!("{json}\n"));
    let count = async |line: &str| bank.run(line).await.data().lines().count();
    assert_eq!(count("streams list --json --limit 2").await, 2);
    assert_eq!(count("streams list --json --category account --prefix acc").await, 3);
    assert_eq!(count("streams list --json --category loan").await, 0);
    assert_eq!(count("streams list --prefix account-z").await, 0);
}

#[tokio::test]
async fn a_long_list_comes_whole() {
    let mut bank = Bank::new();
    for key in 0..2_345 {
        bank.deposit(&key.to_string(), 1).await;
    }
    let table = bank.run("streams list").await.data();
    assert_eq!(table.lines().count(), 2_346);
    assert_eq!(table.lines().filter(|line| line.starts_with("stream ")).count(), 1);
}

#[tokio::test]
async fn the_program_lists_and_shows_the_streams_of_a_file() {
    let shop = Shop::with_accounts().await;
    let shown = shop.es("streams list --category account").data();
    let streams: Vec<_> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(streams, ["stream", "account-ada", "account-bob"]);
    assert_eq!(shop.es("streams show account-ada").data().lines().count(), 4);
    assert_eq!(shop.es("streams show account-eve").code, 3);
}
