//! `projections`.

use crate::bank::{Bank, Movements, noon};
use crate::dead_letters::poisoned;
use crate::program::Shop;
use chrono::{SecondsFormat, Utc};
use es_cli::FailureKind;
use es_core::{
    App, CheckpointStore, Commit, Filter, GenerationState, Grant, Halt, Lease, Position, ProjectionId, Store,
};
use std::time::Duration;
use uuid::Uuid;

async fn take(store: &impl Store, name: &str, version: u32, of: GenerationState) -> Grant {
    let lease = Lease {
        of,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::from_u128(7),
        duration: Duration::from_secs(3600),
        begin: None,
        takes_over: false,
    };
    store.acquire(&ProjectionId::new(name, version).unwrap(), lease).await.unwrap().unwrap()
}

/// Moves a checkpoint behind the first `events` of the log.
async fn advance(store: &impl Store, grant: Grant, events: usize) {
    let to = store.read_all(Position::START, &Filter::default(), events).await.unwrap().cursor;
    store.commit(Commit::new(grant, to)).await.unwrap();
}

/// A bank whose `movements` runs and is being rebuilt, whose `totals` has halted, and which once had `owners`.
async fn busy() -> Bank {
    let mut bank = Bank::with_accounts().await;
    bank.deposit("bob", 1).await;
    take(&bank.store, "movements", 1, GenerationState::Live).await;
    let building = take(&bank.store, "movements", 1, GenerationState::Building).await;
    advance(&bank.store, building, 2).await;
    let halted = take(&bank.store, "totals", 1, GenerationState::Live).await;
    let halt = Halt { position: Position::new(6), cause: "cannot decode \u{1b}[2J".into() };
    bank.store.release(&halted, Some(halt)).await.unwrap();
    let old = take(&bank.store, "owners", 3, GenerationState::Live).await;
    bank.store.release(&old, None).await.unwrap();
    bank
}

#[tokio::test]
async fn read_models_nobody_has_run_are_new() {
    let bank = Bank::new();
    let table = "\
projection  version  state  position  lag  dead letters  owner
movements         1  new           0    0             0  -
totals            1  new           0    0             0  -
";
    assert_eq!(bank.run("projections").await.data(), table);
}

#[tokio::test]
async fn the_table_says_who_runs_what_and_how_far_it_is() {
    let table = "\
projection  version  state                  position  lag  dead letters  owner
movements         1  running                       5    1             0  00000000-0000-0000-0000-000000000007
movements         1  building                      2    4             0  00000000-0000-0000-0000-000000000007
totals            1  halted                        5    1             0  -
owners            3  stopped, not declared         0    6             0  -
totals v1 halted at position 6: cannot decode \\u{1b}[2J
";
    assert_eq!(busy().await.run("projections").await.data(), table);
}

/// Takes the ages out, in their order: they grow while a test runs.
fn ages(json: &str) -> (String, Vec<i64>) {
    let mut parts = json.split(r#""lag_seconds":"#);
    let (mut without, mut ages) = (parts.next().unwrap().to_owned(), Vec::new());
    for part in parts {
        let (age, rest) = part.split_once(',').unwrap();
        ages.push(age.parse().unwrap());
        without.push_str(&format!(r#""lag_seconds":AGE,{rest}"#));
    }
    (without, ages)
}

/// How old the event is that was recorded so many minutes after noon.
fn age(minutes: i64) -> i64 {
    (Utc::now() - noon()).num_seconds() - 60 * minutes
}

#[tokio::test]
async fn the_json_says_the_same() {
    let owner = r#""owner":"00000000-0000-0000-0000-000000000007""#;
    let json = format!(
        concat!(
            r#"{{"head":6,"projections":["#,
            r#"{{"name":"movements","version":1,"declared":true,"state":"running","position":5,"lag":1,"#,
            r#""lag_seconds":AGE,"dead_letters":0,"paused":false,"epoch":2,{owner},"halt":null,"last_failure":null,"shards":1,"#,
            r#""building":{{"state":"running","position":2,"lag":4,"#,
            r#""lag_seconds":AGE,"dead_letters":0,"paused":false,"epoch":1,{owner},"halt":null,"last_failure":null,"shards":1}}}},"#,
            r#"{{"name":"totals","version":1,"declared":true,"state":"halted","position":5,"lag":1,"#,
            r#""lag_seconds":AGE,"dead_letters":0,"paused":false,"epoch":2,"owner":null,"#,
            r#""halt":{{"position":6,"cause":"cannot decode \u001b[2J"}},"last_failure":null,"shards":1,"building":null}},"#,
            r#"{{"name":"owners","version":3,"declared":false,"state":"stopped","position":0,"lag":6,"#,
            r#""lag_seconds":AGE,"dead_letters":0,"paused":false,"epoch":1,"owner":null,"#,
            r#""halt":null,"last_failure":null,"shards":1,"building":null}}]}}"#,
            "\n"
        ),
        owner = owner
    );
    let bank = busy().await;
    let before = [5, 2, 5, 0].map(age);
    let (found, ages) = ages(&bank.run("projections --json").await.data());
    let after = [5, 2, 5, 0].map(age);
    assert_eq!(found, json);
    let within = |(index, age): (usize, &i64)| (before[index]..=after[index]).contains(age);
    assert!(ages.iter().enumerate().all(within), "{before:?} {ages:?} {after:?}");
    assert_eq!(self::ages(&bank.run("projections list --json").await.data()).0, json);
}

#[tokio::test]
async fn a_read_model_that_has_everything_has_no_lag() {
    let bank = Bank::with_accounts().await;
    let (_, ages) = ages(&bank.run("projections --json").await.data());
    assert_eq!(ages, [0, 0]);
}

#[tokio::test]
async fn dead_letters_are_counted_in_the_list() {
    let bank = poisoned().await;
    let table = "\
projection  version  state    position  lag  dead letters  owner
ledger            1  stopped         5    0             2  -
";
    assert_eq!(bank.run("projections list").await.data(), table);
    let json = bank.run("projections --json").await.data();
    assert!(json.contains(r#""dead_letters":2,"#), "{json}");
}

#[tokio::test]
async fn one_is_shown_in_full() {
    let bank = busy().await;
    let before = [2, 5].map(age);
    let shown = bank.run("projections status movements").await.data();
    let mut lines: Vec<_> = shown.lines().collect();
    for (index, line) in [19, 6].into_iter().enumerate() {
        let seconds: i64 = lines.remove(line).strip_prefix("lag_seconds   ").unwrap().parse().unwrap();
        assert!((before[index]..=[2, 5].map(age)[index]).contains(&seconds), "{shown}");
    }
    let expected = [
        "projection    movements v1",
        "declared      yes",
        "state         running",
        "head          6",
        "position      5",
        "lag           1 in positions",
        "owner         00000000-0000-0000-0000-000000000007",
        "epoch         2",
        "halt          -",
        "last_failure  -",
        "paused        no",
        "dead_letters  0",
        "shards        1",
        "",
        "building      building",
        "progress      2 of 6, 33 %",
        "position      2",
        "lag           4 in positions",
        "owner         00000000-0000-0000-0000-000000000007",
        "epoch         1",
        "halt          -",
        "last_failure  -",
        "paused        no",
        "dead_letters  0",
        "shards        1",
    ];
    assert_eq!(lines, expected);
    let halted = bank.run("projections status totals --version 1").await.data();
    assert!(halted.contains("halt          at position 6: cannot decode \\u{1b}[2J\n"), "{halted}");
}

#[tokio::test]
async fn what_was_tried_again_is_shown_with_its_time() {
    let bank = busy().await;
    let grant = take(&bank.store, "movements", 1, GenerationState::Live).await;
    bank.store.failed(&grant, "the store is busy \u{1b}[2J").await.unwrap();
    for change in ["pause", "resume"] {
        assert_eq!(bank.run(&format!("projections {change} movements")).await.code, 0);
        let all = bank.store.generations().await.unwrap();
        let at = all.iter().find_map(|found| found.failure()).unwrap().at;
        let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let shown = bank.run("projections status movements").await.data();
        let row = format!("last_failure  {at}: the store is busy \\u{{1b}}[2J\n");
        assert!(shown.contains(&row), "{shown}");
        let json = bank.run("projections --json").await.data();
        let field = format!(
            r#""halt":null,"last_failure":{{"cause":"the store is busy \u001b[2J","at":"{at}"}},"shards""#
        );
        assert!(json.contains(&field), "{json}");
    }
}

#[tokio::test]
async fn the_json_of_one_is_that_of_the_list() {
    let bank = poisoned().await;
    let list = bank.run("projections --json").await.data();
    let one = list.trim_end().replace(r#""projections":["#, r#""projection":"#).replace("]}", "}");
    assert_eq!(bank.run("projections status ledger --json").await.data(), format!("{one}\n"));
    let typo = bank.run("projections status leger").await.refusal(FailureKind::NotFound);
    assert!(
        typo.contains("the application has no read model `leger`\nhint: did you mean `ledger`?"),
        "{typo}"
    );
    take(&bank.store, "ledger", 2, GenerationState::Live).await;
    let several = bank.run("projections status ledger").await.refusal(FailureKind::Usage);
    assert!(several.contains("has the versions 1, 2"), "{several}");
}

#[tokio::test]
async fn a_rebuild_is_a_replay() {
    let bank = Bank::with_accounts().await;
    let before = bank.store.generations().await.unwrap();
    let ran = bank.run("projections check movements").await;
    assert_eq!((ran.out.as_str(), ran.code), ("movements v1: identical (2 compared at position 5)\n", 0));
    let ran = bank.run("projections rebuild --all").await;
    assert!(ran.out.contains("movements v1: rebuilt, 5 events in 0."), "{ran:?}");
    let mut after = bank.store.generations().await.unwrap();
    after.retain(|generation| generation.state == GenerationState::Live);
    assert!(before.iter().zip(&after).all(|(before, after)| before.id < after.id), "{after:?}");
    let typo = bank.run("projections rebuild movement").await.refusal(FailureKind::NotFound);
    assert!(typo.contains("did you mean `movements`?"), "{typo}");
}

#[tokio::test]
async fn the_program_shows_and_does_not_rebuild() {
    let shop = Shop::with_accounts().await;
    App::new(shop.store.clone()).projection::<Movements>().catch_up().await.unwrap();
    let status = shop.es("projections status movements").data();
    assert!(status.contains("declared      no\nstate         stopped\n"), "{status}");
    let typo = shop.es("projections status movement").refusal(FailureKind::NotFound);
    assert!(typo.contains("the store has no read model `movement`"), "{typo}");
    for needs_code in ["rebuild movements", "check movements"] {
        let refusal = shop.es(&format!("projections {needs_code}")).refusal(FailureKind::Usage);
        assert!(refusal.contains("unrecognized subcommand"), "{refusal}");
    }
}

#[tokio::test]
async fn a_build_that_was_left_is_shown_as_stopped() {
    let bank = Bank::with_accounts().await;
    let building = take(&bank.store, "totals", 1, GenerationState::Building).await;
    bank.store.release(&building, None).await.unwrap();
    let table = bank.run("projections").await.data();
    assert_eq!(
        table.lines().nth(3),
        Some("totals            1  building stopped         0    5             0  -"),
        "{table}"
    );
}

#[tokio::test]
async fn an_application_without_read_models_says_so() {
    let bank = Bank { app: App::new(es_memory::MemoryStore::default()), ..Bank::new() };
    let ran = bank.run("projections").await;
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str(), ran.code),
        ("", "the application has no projections\n", 0)
    );
    let json = bank.run("projections --json").await.data();
    assert_eq!(json, "{\"head\":0,\"projections\":[]}\n");
}

#[tokio::test]
async fn two_versions_of_one_projection_are_two_rows() {
    let bank = Bank::with_accounts().await;
    let other = es_core::AnyProjector::new(
        bank.app.store().clone(),
        ProjectionId::new("movements", 2).unwrap(),
        |_| unreachable!("nothing runs it"),
    );
    let app = App::new(bank.store.clone()).projection::<Movements>().projector(other);
    let table = Bank { app, ..bank }.run("projections").await.data();
    let first_two: Vec<_> = table.lines().skip(1).take(2).collect();
    assert_eq!(
        first_two,
        [
            "movements         1  stopped                       5    0             0  -",
            "movements         2  new                           0    5             0  -",
        ],
        "{table}"
    );
}

#[tokio::test]
async fn a_paused_read_model_is_shown_so_and_resumed() {
    let bank = Bank::with_accounts().await;
    take(&bank.store, "movements", 1, GenerationState::Live).await;
    let paused = bank.run("projections pause movements").await;
    assert_eq!((paused.out.as_str(), paused.code), ("", 0));
    assert_eq!(paused.err, "paused movements v1; let it go on with: projections resume movements\n");
    let table = "\
projection  version  state    position  lag  dead letters  owner
movements         1  paused          5    0             0  -
totals            1  stopped         5    0             0  -
";
    assert_eq!(bank.run("projections").await.data(), table);
    let json = bank.run("projections --json").await.data();
    assert!(json.contains(r#""state":"paused""#), "{json}");
    for said in ["it was paused", "it was neither paused nor halted"] {
        let resumed = bank.run("projections resume movements").await;
        assert_eq!((resumed.err, resumed.code), (format!("resumed movements v1: {said}\n"), 0));
    }
    take(&bank.store, "movements", 1, GenerationState::Live).await;
}

#[tokio::test]
async fn a_halt_is_ended_by_resuming() {
    let bank = busy().await;
    let resumed = bank.run("projections resume totals").await;
    assert_eq!((resumed.err.as_str(), resumed.code), ("resumed totals v1: it had halted\n", 0));
    assert!(!bank.run("projections").await.data().contains("halted"));
}

#[tokio::test]
async fn only_one_known_read_model_is_paused() {
    let bank = busy().await;
    let unknown = bank.run("projections pause movement").await.refusal(FailureKind::NotFound);
    assert!(
        unknown.contains("no read model `movement`") && unknown.contains("did you mean `movements`"),
        "{unknown}"
    );
    let version = bank.run("projections pause movements --version 2").await.refusal(FailureKind::NotFound);
    assert!(version.contains("no read model `movements` v2"), "{version}");
    take(&bank.store, "movements", 2, GenerationState::Live).await;
    let several = bank.run("projections resume movements").await.refusal(FailureKind::Usage);
    assert!(several.contains("has the versions 1, 2") && several.contains("--version"), "{several}");
    let paused = bank.run("projections pause movements --version 2").await;
    assert_eq!(paused.code, 0, "{}", paused.err);
}

#[tokio::test]
async fn what_a_rebuild_replaced_can_be_put_back_and_dropped() {
    let mut bank = Bank::with_accounts().await;
    let nothing = "keeps nothing of `movements` from before a rebuild";
    let refusal = bank.run("projections rollback movements").await.refusal(FailureKind::NotFound);
    assert!(refusal.contains(nothing), "{refusal}");
    assert_eq!(bank.run("projections rebuild movements").await.code, 0);
    bank.deposit("bob", 1).await;
    let rolled = bank.run("projections rollback movements").await;
    assert!(rolled.err.contains("movements v1 is now what it was before its last rebuild"), "{}", rolled.err);
    assert!(rolled.err.contains("at position 5, 1 behind the log"), "{}", rolled.err);
    let status = bank.run("projections status movements").await.data();
    assert!(status.contains("at position 5, for a rollback"), "{status}");
    bank.run("projections drop movements").await.refusal(FailureKind::Usage);
    assert_eq!(states(&bank).await, [GenerationState::Live, GenerationState::Kept]);
    let dropped = bank.run("projections drop movements --yes").await;
    let asked =
        "about to drop what is kept of movements v1 from before its last rebuild: the kept one at position 5";
    assert!(dropped.err.contains(asked), "{}", dropped.err);
    assert_eq!(states(&bank).await, [GenerationState::Live]);
    let gone = bank.run("projections drop movements --yes").await.refusal(FailureKind::NotFound);
    assert!(gone.contains(nothing), "{gone}");
    take(&bank.store, "movements", 1, GenerationState::Building).await;
    let all = bank.run("projections drop movements --all --yes").await;
    assert!(
        all.err.contains("the live one at position 5, the one that is building at position 0"),
        "{}",
        all.err
    );
    assert_eq!((all.code, states(&bank).await), (0, vec![]));
    take(&bank.store, "movements", 2, GenerationState::Building).await;
    take(&bank.store, "movements", 1, GenerationState::Live).await;
    let which = bank.run("projections drop movements --all --yes").await.refusal(FailureKind::Usage);
    assert!(which.contains("--version"), "{which}");
    assert_eq!(bank.run("projections drop movements --version 2 --all --yes").await.code, 0);
    assert_eq!(states(&bank).await, [GenerationState::Live]);
}

async fn states(bank: &Bank) -> Vec<GenerationState> {
    let all = bank.store.generations().await.unwrap();
    all.into_iter().filter(|found| found.projection.name() == "movements").map(|found| found.state).collect()
}
