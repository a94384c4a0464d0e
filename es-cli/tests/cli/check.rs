//! `check lag` and `check dead-letters`.

use crate::bank::{Args, Bank, Movements, Ran, noon};
use crate::dead_letters::{Ledger, poisoned};
use crate::program::{Shop, ran};
use clap::Parser;
use es_cli::FailureKind;
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
        shard: es_core::Shard::WHOLE,
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

#[tokio::test]
async fn a_lag_in_seconds_is_the_age_of_what_is_not_read_yet() {
    let mut bank = Bank::with_accounts().await;
    let idle = bank.run("check lag --warn 0s --crit 1s").await.data();
    assert_eq!(
        idle,
        "LAG OK - 2 projections, at most 0 seconds behind | movements=0s;0;1;0 totals=0s;0;1;0\n"
    );
    let age = || (chrono::Utc::now() - noon()).num_seconds() - 5 * 60;
    bank.deposit("ada", 1).await;
    bank.deposit("ada", 1).await;
    let before = age();
    let ran = bank.run("check lag --warn 60s --crit 99999999999s --projection totals").await;
    let number = ran.out.split(['=', ';']).nth(1).unwrap().strip_suffix('s').unwrap();
    let seconds: i64 = number.parse().unwrap();
    assert!((before..=age()).contains(&seconds), "{ran:?}");
    let line =
        format!("LAG WARNING - totals is {number} seconds behind | totals={number}s;60;99999999999;0\n");
    assert_eq!((ran.out, ran.code), (line, 1));
    assert_eq!(bank.run("check lag --warn 1s --crit 60s").await.code, 2);
    let ran = bank.run("check lag --warn 10 --crit 60s").await;
    let line = "LAG UNKNOWN - --warn 10 and --crit 60s are of two kinds, expected one; give both in positions, \
                or both in seconds, as in 30s\n";
    assert_eq!((ran.out.as_str(), ran.code), (line, 3));
}

#[tokio::test]
async fn dead_letters_are_counted_without_those_that_wait() {
    let bank = poisoned().await;
    let answers = [
        ("", "WARNING - ledger has 2 dead letters | ledger=2;1;100;0", 1),
        (" --crit 2", "CRITICAL - ledger has 2 dead letters | ledger=2;1;2;0", 2),
        (" --warn 3", "OK - 1 projection, at most 2 dead letters each | ledger=2;3;100;0", 0),
        (" --warn 3 --crit 2", "UNKNOWN - --warn 3 is above --crit 2, expected it not to be", 3),
        (" --projection movements", "UNKNOWN - no projection is named `movements`", 3),
    ];
    for (limits, line, code) in answers {
        let ran = bank.run(&format!("check dead-letters{limits}")).await;
        assert_eq!(
            (ran.out.as_str(), ran.code),
            (format!("DEAD LETTERS {line}\n").as_str(), code),
            "{limits}"
        );
    }
    let none = Bank::with_accounts().await.run("check dead-letters").await.data();
    let line = "DEAD LETTERS OK - 2 projections, no dead letters | movements=0;1;100;0 totals=0;1;100;0\n";
    assert_eq!(none, line);
}

#[tokio::test]
async fn the_program_counts_dead_letters_without_the_code() {
    let shop = Shop::new().await;
    shop.deposit(1, "ada", 13).await;
    App::new(shop.store.clone()).projection::<Ledger<false>>().catch_up().await.unwrap();
    let line = "DEAD LETTERS WARNING - ledger has 1 dead letter | ledger=1;1;100;0";
    assert_eq!(answer(shop.es("check dead-letters")), (line.to_owned(), 1));
}

#[tokio::test]
async fn arguments_of_a_check_that_make_no_sense_are_unknown_to_monitoring() {
    let shop = Shop::new().await;
    let refusals = [
        (
            "check lag --warn 1",
            "the following required arguments were not provided: --crit <POSITIONS/SECONDS>",
        ),
        (
            "check lag --warn soon --crit 1",
            "invalid value 'soon' for '--warn <POSITIONS/SECONDS>': expected \
            positions, as in 1000, or seconds, as in 30s",
        ),
        (
            "check dead-letters --warn 0",
            "invalid value '0' for '--warn <LETTERS>': 0 is not in 1..18446744073709551615",
        ),
        ("check lags", "unrecognized subcommand 'lags'"),
    ];
    for (line, said) in refusals {
        let ran = shop.es(line);
        assert!(ran.err.starts_with("error: "), "{ran:?}");
        assert_eq!(answer(ran), (format!("CHECK UNKNOWN - {said}"), 3), "{line}");
    }
    assert_eq!(shop.es("projections --warn").code, 2);
    assert_eq!(shop.es("check lag --help").code, 0);
}

#[tokio::test]
async fn a_mistyped_path_is_unknown_and_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mistyped.db");
    let url = format!("sqlite:{}", path.display());
    let open = async |line: &str| {
        let args = Args::parse_from(["bank", "--store", &url].into_iter().chain(line.split(' ')));
        args.store.open_for(args.command.as_ref(), "memory").await
    };
    for (line, code) in [
        ("check lag --warn 1 --crit 2", 3),
        ("check dead-letters", 3),
        ("projections", 3),
        ("dead-letters list", 3),
        ("streams list", 3),
    ] {
        let failure = open(line).await.err().unwrap();
        assert_eq!(failure.kind().code(), code, "{line}");
        assert!(failure.report().contains("does not exist"), "{failure:?}");
    }
    assert!(open("completions bash").await.is_ok());
    assert!(!path.exists());
    std::fs::write(&path, "").unwrap();
    for (line, kind) in [("check dead-letters", FailureKind::Unknown), ("projections", FailureKind::Failed)] {
        let failure = open(line).await.err().unwrap();
        assert_eq!(failure.kind(), kind, "{line}");
        assert!(failure.report().contains("its file holds no store, expected one"), "{failure:?}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "nothing was written to it");
    assert!(open("run").await.is_ok());
    assert!(path.exists() && open("check dead-letters").await.is_ok());
}
