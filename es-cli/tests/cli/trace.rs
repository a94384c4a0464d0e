//! `trace`.

use crate::bank::Bank;
use crate::program::Shop;
use es_cli::FailureKind;
use es_core::{CommandId, Metadata};
use uuid::Uuid;

fn caused_by(id: u128) -> Metadata {
    Metadata::new().correlated(Uuid::from_u128(8)).caused_by(Uuid::from_u128(id))
}

/// A bank with a trace of five events, and others before and between them.
async fn traced() -> Bank {
    let mut bank = Bank::new();
    let command = Metadata::new().correlated(Uuid::from_u128(8)).command(CommandId::new("c-1").unwrap());
    bank.deposit("eve", 1).await;
    bank.append_with("ada", "account.opened", "{}", command).await;
    bank.append_with("bob", "account.opened", "{}", caused_by(2)).await;
    bank.deposit("eve", 1).await;
    bank.append_with("ada", "account.deposited", "{}", caused_by(3)).await;
    bank.append_with("ada", "account.deposited", "{}", caused_by(2)).await;
    bank.append_with("b\u{202e}b", "account.opened", "{}", caused_by(99)).await;
    bank
}

const ID: &str = "00000000-0000-0000-0000-000000000008";

#[tokio::test]
async fn a_trace_is_a_tree_of_causes() {
    let tree = "\
account.opened  account-ada version 1, position 2, 2026-01-31T12:01:00.000Z
├─ account.opened  account-bob version 1, position 3, 2026-01-31T12:02:00.000Z
│  └─ account.deposited  account-ada version 2, position 5, 2026-01-31T12:04:00.000Z
└─ account.deposited  account-ada version 3, position 6, 2026-01-31T12:05:00.000Z
account.opened  account-b\\u{202e}b version 1, position 7, 2026-01-31T12:06:00.000Z \
(caused by 00000000-0000-0000-0000-000000000063, no event of this trace)
";
    assert_eq!(traced().await.run(&format!("trace {ID}")).await.data(), tree);
}

#[tokio::test]
async fn the_json_of_a_trace_has_the_events_in_the_order_of_the_tree() {
    let json = traced().await.run(&format!("trace {ID} --json")).await.data();
    let lines: Vec<_> = json.lines().collect();
    assert_eq!(
        lines[0],
        concat!(
            r#"{"depth":0,"link":"root","stream":"account-ada","version":1,"position":2,"#,
            r#""event_id":"00000000-0000-0000-0000-000000000002","name":"account.opened","#,
            r#""recorded_at":"2026-01-31T12:01:00.000000Z","causation_id":null,"command_id":"c-1"}"#
        )
    );
    let parsed = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let places: Vec<_> = parsed
        .map(|line| {
            (line["depth"].as_u64().unwrap(), line["position"].as_u64().unwrap(), line["link"].clone())
        })
        .collect();
    let expected = [(0, 2, "root"), (1, 3, "event"), (2, 5, "event"), (1, 6, "event"), (0, 7, "outside")];
    assert_eq!(places, expected.map(|(depth, position, link)| (depth, position, link.into())));
}

#[tokio::test]
async fn events_that_caused_each_other_are_all_shown() {
    let mut bank = Bank::new();
    bank.append_with("ada", "account.opened", "{}", caused_by(2)).await;
    bank.append_with("bob", "account.opened", "{}", caused_by(1)).await;
    let tree = "\
account.opened  account-ada version 1, position 1, 2026-01-31T12:00:00.000Z \
(caused by 00000000-0000-0000-0000-000000000002, which is below: a cycle, cut here)
└─ account.opened  account-bob version 1, position 2, 2026-01-31T12:01:00.000Z
";
    assert_eq!(bank.run(&format!("trace {ID}")).await.data(), tree);
}

#[tokio::test]
async fn a_trace_without_events_is_not_found() {
    let refusal =
        Bank::with_accounts().await.run(&format!("trace {ID}")).await.refusal(FailureKind::NotFound);
    assert_eq!(
        refusal,
        "error: no event up to position 5 has the correlation id 00000000-0000-0000-0000-000000000008\n\
         hint: see with `events show` which correlation id an event has\n"
    );
}

#[tokio::test]
async fn the_program_traces_a_file() {
    let shop = Shop::new().await;
    shop.append(1, "account-ada", "account.opened", "{}", caused_by(7)).await;
    shop.append(2, "account-bob", "account.opened", "{}", caused_by(1)).await;
    let shown = shop.es(&format!("trace {ID}")).data();
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("account.opened  account-ada version 1, position 1, "), "{shown}");
    assert!(lines[1].starts_with("└─ account.opened  account-bob version 1, position 2, "), "{shown}");
    assert_eq!(shop.es("trace c-1").refusal(FailureKind::Usage).lines().count(), 3);
    assert_eq!(shop.es("trace 00000000-0000-0000-0000-000000000009").code, 3);
}
