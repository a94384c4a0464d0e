//! `events`.

use crate::bank::{Bank, noon};
use crate::program::Shop;
use es_cli::FailureKind;
use es_core::{CommandId, Metadata};
use uuid::Uuid;

#[tokio::test]
async fn a_tail_has_a_line_for_each_event() {
    let bank = Bank::with_accounts().await;
    let shown = bank.run("events tail --from begin --limit 5").await.data();
    assert_eq!(
        shown,
        "       1  2026-01-31T12:00:00.000Z  account-ada        1  account.opened  {\"owner\":\"Ada\"}\n       \
         2  2026-01-31T12:01:00.000Z  account-bob        1  account.opened  {\"owner\":\"Bob\"}\n       \
         3  2026-01-31T12:02:00.000Z  account-ada        2  account.deposited  {\"cents\":500}\n       \
         4  2026-01-31T12:03:00.000Z  account-bob        2  account.deposited  {\"cents\":20}\n       \
         5  2026-01-31T12:04:00.000Z  account-ada        3  account.deposited  {\"cents\":7}\n"
    );
}

#[tokio::test]
async fn a_tail_begins_where_it_is_told_and_shows_what_is_selected() {
    let bank = Bank::with_accounts().await;
    let selections = [
        ("--from 4 --limit 2", vec!["4", "5"]),
        ("--from begin --type account.opened --limit 2", vec!["1", "2"]),
        ("--from begin --type account.* --limit 1", vec!["1"]),
        ("--from 2 --category account --type account.deposited --limit 3", vec!["3", "4", "5"]),
    ];
    for (selection, expected) in selections {
        let shown = bank.run(&format!("events tail {selection}")).await.data();
        let positions: Vec<_> = shown.lines().map(|line| line.trim().split(' ').next().unwrap()).collect();
        assert_eq!(positions, expected, "{selection}");
    }
}

#[tokio::test]
async fn a_tail_from_now_waits_for_what_comes() {
    let mut bank = Bank::with_accounts().await;
    let app = bank.app.clone();
    let tail = tokio::spawn(async move {
        let command = crate::bank::command("events tail --limit 1 --json");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        es_cli::run_to(&app, command, &mut out, &mut err).await.unwrap();
        String::from_utf8(out).unwrap()
    });
    // The tail may begin late, and then it shows a later one of these.
    while !tail.is_finished() {
        bank.deposit("eve", 9).await;
        tokio::task::yield_now().await;
    }
    let shown = tail.await.unwrap();
    assert!(shown.starts_with(r#"{"stream":"account-eve","version":"#), "{shown}");
    assert_eq!(shown.lines().count(), 1);
}

const LAST: &str = concat!(
    r#"{"stream":"account-ada","version":1,"position":1,"event_id":"00000000-0000-0000-0000-000000000001","#,
    r#""name":"account.deposited","schema_version":1,"recorded_at":"2026-01-31T12:00:00.000000Z","#,
    r#""occurred_at":"2026-01-31T12:00:00.000000Z","correlation_id":"00000000-0000-0000-0000-000000000008","#,
    r#""causation_id":"00000000-0000-0000-0000-000000000009","command_id":"c-1","traceparent":null,"#,
    r#""actor":"teller \u001b","extra":{"tenant":"blue"},"payload":{"cents":5}}"#,
    "\n",
);

/// A bank with one event about which much is known.
async fn one_event() -> Bank {
    let mut bank = Bank::new();
    let metadata = Metadata::new()
        .by("teller \u{1b}")
        .command(CommandId::new("c-1").unwrap())
        .correlated(Uuid::from_u128(8))
        .caused_by(Uuid::from_u128(9))
        .occurred(noon())
        .with("tenant", "blue");
    bank.append_with("ada", "account.deposited", r#"{ "cents" : 5 }"#, metadata).await;
    bank
}

#[tokio::test]
async fn the_json_of_an_event_is_the_same_everywhere() {
    let bank = one_event().await;
    assert_eq!(bank.run("events tail --from begin --limit 1 --json").await.data(), LAST);
    assert_eq!(bank.run("events grep cents --json").await.data(), LAST);
    assert_eq!(bank.run("events show 1 --json").await.data(), LAST);
}

#[tokio::test]
async fn an_event_is_shown_with_all_that_is_known() {
    let bank = one_event().await;
    let shown = "\
event_id        00000000-0000-0000-0000-000000000001
stream          account-ada
version         1
position        1
name            account.deposited
schema_version  1
recorded_at     2026-01-31T12:00:00.000000Z
occurred_at     2026-01-31T12:00:00.000000Z
correlation_id  00000000-0000-0000-0000-000000000008
causation_id    00000000-0000-0000-0000-000000000009
command_id      c-1
traceparent     -
actor           teller \\u{1b}
extra.tenant    blue
{
  \"cents\": 5
}
";
    assert_eq!(bank.run("events show 1").await.data(), shown);
    let ran = bank.run("events show 00000000-0000-0000-0000-000000000001").await;
    let note = "reading the log up to position 1: stores have no look-up by event id\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), (shown, note, 0));
}

#[tokio::test]
async fn an_event_that_is_not_there_is_not_found() {
    let bank = one_event().await;
    assert_eq!(
        bank.run("events show 2").await.refusal(FailureKind::NotFound),
        "error: the log has no event at position 2\n\
         hint: see with `events tail --from begin` what it has\n"
    );
    let refusal = bank.run("events show 00000000-0000-0000-0000-000000000002").await;
    assert!(refusal.refusal(FailureKind::NotFound).ends_with(
        "error: no event up to position 1 has the id 00000000-0000-0000-0000-000000000002\n\
             hint: check the id, and which store is meant (--store)\n"
    ));
}

#[tokio::test]
async fn payloads_and_metadata_are_searched() {
    let mut bank = one_event().await;
    bank.deposit("bob", 77).await;
    let found = [
        ("77", "2"),
        ("c-1", "1"),
        ("teller", "1"),
        ("blue", "1"),
        ("000000000009", "1"),
        ("cents --limit 1", "1"),
        ("cents --type account.opened --type account.deposited --category account --limit 1", "1"),
    ];
    for (words, position) in found {
        let shown = bank.run(&format!("events grep {words}")).await.data();
        let positions: Vec<_> = shown.lines().map(|line| line.trim().split(' ').next().unwrap()).collect();
        assert_eq!(positions, [position], "{words}");
    }
    assert_eq!(
        bank.run("events grep tenant").await.refusal(FailureKind::NotFound),
        "error: no event up to position 2 contains `tenant`\n\
         hint: upper and lower case differ, and payloads are searched as the JSON that is stored\n"
    );
    assert_eq!(bank.run("events grep cents --category loan").await.code, 3);
}

#[tokio::test]
async fn what_a_terminal_would_obey_is_shown_escaped() {
    let mut bank = Bank::new();
    let hostile = "{\"owner\":\"\\u001b[2J \u{7f}\u{9b}31m \u{202e}evil\"}";
    bank.append_with("\u{202e}ada", "account.opened", hostile, Metadata::new().with("a\u{1b}b", "\n\u{9b}"))
        .await;
    for line in
        ["events tail --from begin --limit 1", "events grep evil", "events show 1", "events show 1 --json"]
    {
        let shown = bank.run(line).await.data();
        assert!(shown.contains("\\u001b[2J \\u007f\\u009b31m \\u202eevil"), "{shown}");
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
    }
    let refusal = bank.run("events grep \u{1b}[2K").await.refusal(FailureKind::NotFound);
    assert!(refusal.contains("contains `\\u{1b}[2K`"), "{refusal}");
}

#[tokio::test]
async fn the_program_follows_until_ctrl_c_and_says_how_to_go_on() {
    let shop = Shop::with_accounts().await;
    let mut tail = shop.start("events tail --from begin --category account");
    assert!(tail.line().ends_with(r#"account-ada        1  account.opened  {"owner":"Ada"}"#));
    tail.lines(4);
    shop.deposit(6, "eve", 1).await;
    assert!(tail.line().ends_with(r#"{"cents":1}"#));
    let ran = tail.interrupt();
    let hint = "error: interrupted\nhint: go on with: events tail --from 7\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("", hint, 130));
}

#[tokio::test]
async fn cl_04_the_program_ends_quietly_when_its_reader_has_seen_enough() {
    let shop = Shop::with_accounts().await;
    let mut tail = shop.start("events tail --from begin");
    tail.lines(5);
    // Nothing more is written, and yet it notices.
    let ran = tail.stop_reading();
    assert_eq!((ran.err.as_str(), ran.code), ("", 0));
}

#[tokio::test]
async fn the_program_shows_and_searches_a_file() {
    let shop = Shop::with_accounts().await;
    let shown = shop.es("events show 3").data();
    assert!(shown.ends_with("actor           -\n{\n  \"cents\": 500\n}\n"), "{shown}");
    let shown = shop.es("events grep Bob").data();
    assert!(shown.ends_with("account-bob        1  account.opened  {\"owner\":\"Bob\"}\n"), "{shown}");
    assert_eq!(shop.es("events show 9").refusal(FailureKind::NotFound).lines().count(), 2);
    let usage = shop.es("events tail --from yesterday").refusal(FailureKind::Usage);
    assert!(usage.contains("expected `now`, `begin` or a position, as in 42"), "{usage}");
    let usage = shop.es("events show account-ada").refusal(FailureKind::Usage);
    assert!(usage.contains("expected the id of an event, a UUID, or its position"), "{usage}");
}
