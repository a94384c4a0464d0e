//! `check lag`.

use crate::bank::{Bank, Movements, Ran};
use crate::program::{Shop, ran};
use es_core::{App, CheckpointStore, GenerationState, Halt, Lease, Position, ProjectionId};
use std::time::Duration;
use uuid::Uuid;

/// One line and an exit code, and nothing else.
#[track_caller]
fn answer(ran: Ran) -> (String, u8) {
    assert_eq!(ran.out.lines().count(), 1, "{ran:?}");
    (ran.out.trim_end().to_owned(), ran.code)
}

#[tokio::test]
async fn a_lag_is_compared_with_two_limits() {
    let mut bank = Bank::with_accounts().await;
    bank.deposit("ada", 1).await;
    bank.deposit("ada", 1).await;
    let answers = [
        (
            "2 --crit 3",
            "LAG OK - 2 projections, at most 2 positions behind | movements=2;2;3;0 totals=2;2;3;0",
            0,
        ),
        (
            "1 --crit 2",
            "LAG WARNING - movements is 2 positions behind; totals is 2 positions behind \
             | movements=2;1;2;0 totals=2;1;2;0",
            1,
        ),
        ("0 --crit 1 --projection totals", "LAG CRITICAL - totals is 2 positions behind | totals=2;0;1;0", 2),
        (
            "9 --crit 9 --projection totals",
            "LAG OK - 1 projection, at most 2 positions behind | totals=2;9;9;0",
            0,
        ),
        ("0 --crit 1 --projection nobody", "LAG UNKNOWN - no projection is named `nobody`", 3),
        ("2 --crit 1", "LAG UNKNOWN - --warn 2 is above --crit 1, expected it not to be", 3),
    ];
    for (limits, line, code) in answers {
        let ran = bank.run(&format!("check lag --warn {limits}")).await;
        assert_eq!((ran.out.as_str(), ran.code), (format!("{line}\n").as_str(), code), "{limits}");
    }
}

#[tokio::test]
async fn what_was_never_run_is_behind_by_the_whole_log() {
    let mut bank = Bank::new();
    bank.deposit("ada", 1).await;
    let ran = bank.run("check lag --warn 0 --crit 5 --projection totals").await;
    let line = "LAG WARNING - totals is 1 position behind, it was never run | totals=1;0;5;0\n";
    assert_eq!((ran.out.as_str(), ran.code), (line, 1));
}

#[tokio::test]
async fn a_halt_is_critical_however_small_the_lag() {
    let bank = Bank::with_accounts().await;
    let projection = ProjectionId::new("totals", 1).unwrap();
    let lease = Lease {
        of: GenerationState::Live,
        owner: Uuid::from_u128(9),
        duration: Duration::from_secs(9),
        begin: None,
        takes_over: false,
    };
    let grant = bank.store.acquire(&projection, lease).await.unwrap().unwrap();
    let halt = Halt { position: Position::new(5), cause: "a | b\n\u{1b}[31m".into() };
    bank.store.release(&grant, Some(halt)).await.unwrap();
    let ran = bank.run("check lag --warn 10 --crit 20").await;
    let line = "LAG CRITICAL - totals halted at position 5, 0 positions behind: a / b\\n\\u{1b}[31m \
                | movements=0;10;20;0 totals=0;10;20;0\n";
    assert_eq!((ran.out.as_str(), ran.code), (line, 2));
}

#[tokio::test]
async fn the_program_answers_in_one_line_whatever_happens() {
    let shop = Shop::with_accounts().await;
    let none = "LAG UNKNOWN - there are no projections".to_owned();
    assert_eq!(answer(shop.es("check lag --warn 0 --crit 1")), (none, 3));
    App::new(shop.store.clone()).projection::<Movements>().catch_up().await.unwrap();
    let ok = "LAG OK - 1 projection, at most 0 positions behind | movements=0;0;1;0";
    assert_eq!(shop.es("check lag --warn 0 --crit 1").data(), format!("{ok}\n"));
    shop.deposit(6, "ada", 1).await;
    let behind = shop.es("check lag --warn 0 --crit 1");
    assert_eq!(behind.err, "");
    let warning = "LAG WARNING - movements is 1 position behind | movements=1;0;1;0";
    assert_eq!(answer(behind), (warning.to_owned(), 1));
    let mut program = shop.program();
    program.args("--store mysql://ada:s3cret@db/x check lag --warn 0 --crit 1".split(' '));
    let (line, code) = answer(ran(program));
    assert!(line.starts_with("LAG UNKNOWN - the store URL `mysql:…` is of a kind"), "{line}");
    assert_eq!(code, 3);
    let mut program = shop.program();
    program.args("check lag --warn 0 --crit 1".split(' '));
    let (line, code) = answer(ran(program));
    assert!(line.starts_with("LAG UNKNOWN - no store was named; say --store URL"), "{line}");
    assert_eq!(code, 3);
}
