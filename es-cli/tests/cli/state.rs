//! `state`.

use crate::bank::Bank;
use es_cli::FailureKind;

const ADA_AT_2: &str = "\
{
  \"id\": \"ada\",
  \"owner\": \"Ada\",
  \"cents\": 500
}
";

#[tokio::test]
async fn a_state_is_shown_as_it_is() {
    let bank = Bank::with_accounts().await;
    let ran = bank.run("state account-ada").await;
    assert_eq!(ran.out, ADA_AT_2.replace("500", "507"));
    assert_eq!((ran.err.as_str(), ran.code), ("account-ada at version 3\n", 0));
    let json = bank.run("state account-ada --json").await.data();
    assert_eq!(
        json,
        "{\"stream\":\"account-ada\",\"version\":3,\"state\":{\"id\":\"ada\",\"owner\":\"Ada\",\"cents\":507}}\n"
    );
}

#[tokio::test]
async fn a_state_is_shown_as_it_was() {
    let bank = Bank::with_accounts().await;
    // The second event of the account was recorded at 12:02, the third at 12:04.
    for moment in ["--at 2", "--as-of 2026-01-31T12:02:00Z", "--as-of 2026-01-31T13:03:59.999+01:00"] {
        let ran = bank.run(&format!("state account-ada {moment}")).await;
        assert_eq!(ran.out, ADA_AT_2, "{moment}");
        assert_eq!((ran.err.as_str(), ran.code), ("account-ada at version 2\n", 0));
    }
}

#[tokio::test]
async fn a_moment_without_a_state_is_not_found() {
    let bank = Bank::with_accounts().await;
    assert_eq!(
        bank.run("state account-ada --at 4").await.refusal(FailureKind::NotFound),
        "error: stream `account-ada` has no version 4\nhint: its newest version is 3\n"
    );
    assert_eq!(
        bank.run("state account-ada --as-of 2026-01-31T11:59:59Z").await.refusal(FailureKind::NotFound),
        "error: stream `account-ada` had no events at 2026-01-31T11:59:59Z\n\
         hint: see with `streams show account-ada` when they were recorded\n"
    );
    assert_eq!(
        bank.run("state account-eve").await.refusal(FailureKind::NotFound),
        "error: stream `account-eve` has no events\n\
         hint: check the key, and which store is meant (--store)\n"
    );
}

#[tokio::test]
async fn an_unknown_category_names_the_aggregates() {
    let bank = Bank::with_accounts().await;
    assert_eq!(
        bank.run("state acount-ada").await.refusal(FailureKind::NotFound),
        "error: no aggregate is named `acount`\nhint: did you mean `account`? known are: account\n"
    );
}

#[tokio::test]
async fn a_history_that_cannot_be_read_names_the_event() {
    let mut bank = Bank::with_accounts().await;
    bank.append("ada", "account.closed", "{}").await;
    let refusal = bank.run("state account-ada").await.refusal(FailureKind::Failed);
    assert!(
        refusal.starts_with("error: event `account.closed` (schema version 1) at version 4"),
        "{refusal}"
    );
    assert_eq!(bank.run("state account-ada --at 3").await.code, 0);
}
