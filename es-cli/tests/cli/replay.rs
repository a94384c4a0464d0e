//! `replay`.

use crate::bank::Bank;
use es_cli::FailureKind;
use es_core::{
    CheckpointStore, Commit, EventStore, GenerationState, Lease, ProjectionId, ViewStore, ViewWrite,
};
use std::time::Duration;
use uuid::Uuid;

fn projection(name: &str) -> ProjectionId {
    ProjectionId::new(name, 1).unwrap()
}

/// Writes a view past its projection.
async fn tamper(bank: &Bank, name: &str, key: &str, view: Option<&str>) {
    let lease = Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::from_u128(9),
        duration: Duration::from_secs(3600),
        begin: None,
        takes_over: false,
    };
    let grant = bank.store.acquire(&projection(name), lease).await.unwrap().unwrap();
    let writes = vec![ViewWrite { key: key.into(), view: view.map(str::to_owned) }];
    bank.store
        .commit(Commit { to: grant.cursor, grant: grant.clone(), writes, letters: Vec::new() })
        .await
        .unwrap();
    bank.store.release(&grant, None).await.unwrap();
}

#[tokio::test]
async fn a_replay_puts_a_read_model_right() {
    let bank = Bank::with_accounts().await;
    tamper(&bank, "movements", "ada", Some("99")).await;
    let ran = bank.run("replay movements").await;
    assert!(ran.out.starts_with("movements v1: rebuilt, 5 events in 0."), "{ran:?}");
    assert_eq!((ran.err.as_str(), ran.code), ("movements v1: 0 of 5\nmovements v1: done\n", 0));
    let view = bank.store.view(&projection("movements"), "ada").await.unwrap();
    assert_eq!(view.as_deref(), Some("3"));
}

#[tokio::test]
async fn all_means_every_read_model() {
    let bank = Bank::with_accounts().await;
    let ran = bank.run("replay --all").await;
    let mut rebuilt: Vec<_> = ran.out.lines().map(|line| line.split(',').next().unwrap()).collect();
    rebuilt.sort();
    assert_eq!((rebuilt, ran.code), (vec!["movements v1: rebuilt", "totals v1: rebuilt"], 0));
}

#[tokio::test]
async fn a_check_says_that_all_is_well_and_leaves_nothing_behind() {
    let bank = Bank::with_accounts().await;
    let before = bank.store.generations().await.unwrap();
    let ran = bank.run("replay movements --check").await;
    assert_eq!((ran.out.as_str(), ran.code), ("movements v1: identical (2 compared at position 5)\n", 0));
    let after = bank.store.generations().await.unwrap();
    let place = |generations: &[es_core::Generation]| {
        generations.iter().map(|found| (found.id, found.cursor())).collect::<Vec<_>>()
    };
    assert_eq!(place(&after), place(&before));
}

#[tokio::test]
async fn a_check_names_the_first_difference_and_changes_nothing() {
    let bank = Bank::with_accounts().await;
    tamper(&bank, "movements", "bob", Some("99")).await;
    let ran = bank.run("replay --check movements").await;
    let difference = "movements v1: different at `bob`\n  live:    99\n  rebuilt: 2\n";
    assert_eq!((ran.out.as_str(), ran.code), (difference, 6));
    let failure = "error: the live read model movements v1 is not what the log gives\n\
                   hint: put it right with: replay movements\n";
    assert!(ran.err.ends_with(failure), "{}", ran.err);
    let view = bank.store.view(&projection("movements"), "bob").await.unwrap();
    assert_eq!(view.as_deref(), Some("99"));
}

#[tokio::test]
async fn a_missing_and_a_hostile_view_are_shown_safely() {
    let bank = Bank::with_accounts().await;
    tamper(&bank, "totals", "a\u{202e}b", Some("\"\\u001b[31m \u{9b}2J\"")).await;
    let ran = bank.run("replay --check totals").await;
    let difference = "totals v1: different at `a\\u{202e}b`\n  \
                      live:    \"\\u001b[31m \\u009b2J\"\n  rebuilt: no such view\n";
    assert_eq!((ran.out.as_str(), ran.code), (difference, 6));
    tamper(&bank, "totals", "a\u{202e}b", None).await;
    tamper(&bank, "totals", "all", None).await;
    let ran = bank.run("replay --check totals").await;
    assert!(ran.out.ends_with("live:    no such view\n  rebuilt: {\"cents\":527}\n"), "{}", ran.out);
}

#[tokio::test]
async fn one_bad_read_model_does_not_hide_the_others() {
    let bank = Bank::with_accounts().await;
    tamper(&bank, "totals", "all", Some("{}")).await;
    let ran = bank.run("replay --all --check").await;
    assert!(
        ran.out.contains("movements v1: identical") && ran.out.contains("totals v1: different"),
        "{ran:?}"
    );
    assert!(ran.err.ends_with("error: 1 of 2 read models were not found identical: see above\n"));
    assert_eq!(ran.code, FailureKind::CheckFailed.code());
}

#[tokio::test]
async fn long_views_are_shown_where_they_differ() {
    let bank = Bank::with_accounts().await;
    let long = format!(r#"{{"cents":527,"note":"{}"}}"#, "x".repeat(2_000));
    tamper(&bank, "totals", "all", Some(&long)).await;
    let ran = bank.run("replay --check totals").await;
    let lines: Vec<_> = ran.out.lines().collect();
    assert!(lines[1].starts_with("  live:    {\"cents\":527,\"note\":\"xxx"), "{}", lines[1]);
    assert!(lines[1].ends_with("xxx…") && lines[1].len() < 500, "{}", lines[1]);
    assert_eq!(lines[2], "  rebuilt: {\"cents\":527}");
}

#[tokio::test]
async fn an_unknown_name_is_not_found_and_nothing_is_begun() {
    let bank = Bank::with_accounts().await;
    let refusal = bank.run("replay totals movment").await.refusal(FailureKind::NotFound);
    assert_eq!(
        refusal,
        "error: no projection is named `movment`\n\
         hint: did you mean `movements`? known are: movements, totals\n"
    );
}

#[tokio::test]
async fn what_another_process_rebuilds_is_a_conflict() {
    let bank = Bank::with_accounts().await;
    let lease = Lease {
        of: GenerationState::Building,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::from_u128(9),
        duration: Duration::from_secs(3600),
        begin: None,
        takes_over: false,
    };
    bank.store.acquire(&projection("totals"), lease).await.unwrap().unwrap();
    let refusal = bank.run("replay totals").await.refusal(FailureKind::Conflict);
    let expected = "error: projection totals v1 is being rebuilt by another process";
    assert!(refusal.contains(expected), "{refusal}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_stops_the_replay_and_is_named() {
    let mut bank = Bank::with_accounts().await;
    bank.append("ada", "account.closed", r#"{"secret":1}"#).await;
    let ran = bank.run("replay totals").await;
    assert_eq!((ran.out.as_str(), ran.code), ("", 1));
    for expected in [
        "error: projection totals v1 halts\n",
        "caused by: event `account.closed` (schema version 1) at version 4 of stream `account-ada`, position 6, ",
        "hint: teach the event type this name or shape",
    ] {
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
    assert!(!ran.err.contains("secret"), "{}", ran.err);
    assert!(bank.store.head().await.unwrap().is_some());
}
