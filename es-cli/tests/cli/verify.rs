//! `verify`.

use crate::bank::{Bank, Movements};
use crate::program::Shop;
use es_cli::FailureKind;
use es_core::{App, Metadata};
use sqlx::{Connection, SqliteConnection};

const WELL: &str = "\
check        checked  wrong  what was looked for
positions          5      0  each is above the one before
versions           5      0  1, 2, 3, … in each of 2 streams, without a gap or a fork
event ids          5      0  none twice in a page; across pages the store's unique index sees to it
payloads           5      0  JSON
checkpoints        2      0  at a row of the log with this event id, not beyond the head
";

#[tokio::test]
async fn a_store_that_keeps_its_promises_is_said_to() {
    let bank = Bank::with_accounts().await;
    assert_eq!(bank.run("verify").await.data(), WELL);
    let json = concat!(
        r#"{"head":5,"checks":[{"check":"positions","checked":5,"wrong":0},"#,
        r#"{"check":"versions","checked":5,"wrong":0},{"check":"event ids","checked":5,"wrong":0},"#,
        r#"{"check":"payloads","checked":5,"wrong":0},{"check":"checkpoints","checked":2,"wrong":0}],"findings":[]}"#,
        "\n"
    );
    assert_eq!(bank.run("verify --json").await.data(), json);
}

#[tokio::test]
async fn an_empty_store_has_nothing_wrong() {
    let shown = Bank::new().run("verify").await.data();
    assert!(shown.contains("positions          0      0"), "{shown}");
}

/// A shop with a read model, in whose file these statements were run.
async fn tampered(statements: &[&'static str]) -> Shop {
    let shop = Shop::with_accounts().await;
    App::new(shop.store.clone()).projection::<Movements>().catch_up().await.unwrap();
    let mut connection = SqliteConnection::connect(&shop.url()).await.unwrap();
    for trigger in ["events_are_never_changed", "events_are_never_deleted"] {
        let drop = format!("DROP TRIGGER {trigger}");
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    for statement in statements {
        sqlx::query(*statement).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    shop
}

/// What `es verify` finds, where it finds something.
#[track_caller]
fn findings(shop: &Shop) -> Vec<String> {
    let ran = shop.es("verify");
    assert_eq!(ran.code, FailureKind::CheckFailed.code(), "{ran:?}");
    assert!(ran.err.starts_with("error: the store does not keep its promises: "), "{ran:?}");
    assert!(ran.err.contains("\nhint: "), "{ran:?}");
    let found = ran.out.lines().filter_map(|line| line.strip_prefix("wrong: "));
    found.map(str::to_owned).collect()
}

#[tokio::test]
async fn cl_06_an_event_that_was_deleted_is_missed() {
    let shop = tampered(&["DELETE FROM events WHERE position = 3"]).await;
    let gap = "stream `account-ada` has version 3 at position 5, expected version 2 first";
    assert_eq!(findings(&shop), [gap]);
    let json = shop.es("verify --json");
    assert!(json.out.ends_with(&format!("\"findings\":[\"{gap}\"]}}\n")), "{json:?}");
    assert_eq!(json.code, 6);
}

#[tokio::test]
async fn cl_06_the_last_event_that_was_deleted_is_missed_by_the_checkpoint() {
    let shop = tampered(&["DELETE FROM events WHERE position = 5"]).await;
    let beyond = "the checkpoint of movements v1 is at position 5, beyond the head of the log, 4";
    assert_eq!(findings(&shop), [beyond]);
}

#[tokio::test]
async fn cl_06_events_in_a_wrong_order_and_twice_are_found() {
    let shop = tampered(&[
        "DROP INDEX events_stream_version",
        "DROP INDEX events_event_id",
        "UPDATE events SET version = 9 WHERE position = 1",
        "UPDATE events SET version = 1 WHERE position = 4",
        "UPDATE events SET event_id = (SELECT event_id FROM events WHERE position = 1) WHERE position = 2",
    ])
    .await;
    let expected = [
        "stream `account-ada` has version 9 at position 1, expected version 1 first",
        "stream `account-ada` has version 2 at position 3, behind version 9",
        "stream `account-bob` has version 1 at position 4, behind version 1",
        "stream `account-ada` has version 3 at position 5, behind version 9",
        "event id 00000000-0000-0000-0000-000000000001 is there again at position 2",
    ];
    assert_eq!(findings(&shop), expected);
}

#[tokio::test]
async fn cl_06_a_checkpoint_that_was_moved_is_found() {
    let shop = tampered(&["UPDATE checkpoints SET position = 4"]).await;
    let moved = "the checkpoint of movements v1 is at event 00000000-0000-0000-0000-000000000005, position 4, \
                 but there is event 00000000-0000-0000-0000-000000000004";
    assert_eq!(findings(&shop), [moved]);
    let shop =
        tampered(&["DELETE FROM events WHERE position = 4", "UPDATE checkpoints SET position = 4"]).await;
    assert_eq!(
        findings(&shop),
        ["the checkpoint of movements v1 is at position 4, where the log has no event"]
    );
}

#[tokio::test]
async fn a_payload_that_is_no_json_is_found_and_not_shown() {
    let shop = tampered(&["UPDATE events SET payload = X'7B1B733363726574' WHERE position = 2"]).await;
    let damaged = "the payload of version 1 of stream `account-bob`, position 2, is no JSON";
    assert_eq!(findings(&shop), [damaged]);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_ends_the_reading_and_is_a_finding() {
    let shop = tampered(&["UPDATE events SET stream = 'nodash' WHERE position = 5"]).await;
    let found = findings(&shop);
    let cause = "the store is damaged: stream id `nodash` has no `-` between category and key";
    // The store looks one event ahead.
    let expected = [
        format!("the log cannot be read behind position 3: {cause}"),
        format!("the checkpoint of movements v1 is at position 5, where the log cannot be read: {cause}"),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn findings_are_shown_escaped() {
    let shop = tampered(&["DELETE FROM events WHERE position = 6"]).await;
    for (id, payload) in [(6, "{}"), (7, "{}")] {
        shop.append(id, "account-\u{202e}eve", "account.opened", payload, Metadata::new()).await;
    }
    let mut connection = SqliteConnection::connect(&shop.url()).await.unwrap();
    sqlx::query("DELETE FROM events WHERE position = 6").execute(&mut connection).await.unwrap();
    let expected = "stream `account-\\u{202e}eve` has version 2 at position 7, expected version 1 first";
    assert_eq!(findings(&shop), [expected]);
}
