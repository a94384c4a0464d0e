//! `dead-letters`.

use crate::bank::{AccountEvent, Args, Bank, Ran};
use crate::program::Shop;
use clap::Parser;
use es_cli::FailureKind;
use es_core::{
    App, DeadLetterStore, Fate, KeyError, OnFailure, Projection, ProjectionId, Projector, Recorded,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What an account has; before it was mended, 13 cents make a view that has no JSON form.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ledger<const MENDED: bool> {
    cents: u64,
    factor: f64,
}

impl<const MENDED: bool> Default for Ledger<MENDED> {
    fn default() -> Self {
        Self { cents: 0, factor: 1.0 }
    }
}

impl<const MENDED: bool> Projection for Ledger<MENDED> {
    const NAME: &'static str = "ledger";
    const ON_FAILURE: OnFailure = OnFailure::ParkKey;
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        if let AccountEvent::Deposited { cents } = event.data {
            self.cents += cents;
            if cents == 13 && !MENDED {
                self.factor = f64::NAN;
            }
        }
        Fate::Keep
    }
}

fn id() -> ProjectionId {
    ProjectionId::new("ledger", 1).unwrap()
}

/// The bank with this program, which has seen all events.
pub async fn running<const MENDED: bool>(bank: Bank) -> Bank {
    let projector = Projector::<Ledger<MENDED>>::new(bank.store.clone());
    let projector = projector.with_lease(Duration::from_millis(20)).any().clone();
    let app = App::new(bank.store.clone()).projector(projector);
    app.catch_up().await.unwrap();
    Bank { app, ..bank }
}

/// A bank in which ada's second event cannot be taken and two wait behind it, and an event of bob cannot be read.
pub async fn poisoned() -> Bank {
    let mut bank = Bank::new();
    for cents in [1, 13, 2, 3] {
        bank.deposit("ada", cents).await;
    }
    bank.append("bob", "account.deposited", r#"{"cents":"five\u001b[2J"}"#).await;
    running::<false>(bank).await
}

const TABLE: &str = "\
projection  queue               position  stream       name               attempts  waiting  last tried                cause
ledger v1   key:ada                    2  account-ada  account.deposited         1        2  2026-01-31T12:05:00.000Z  ";

#[tokio::test]
async fn the_table_has_what_failed_and_how_many_wait_behind_it() {
    let bank = poisoned().await;
    let table = bank.run("dead-letters list").await.data();
    assert!(table.starts_with(TABLE), "{table}");
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    assert_eq!(bank.run("dead-letters list ledger --version 1").await.data(), table);
    let limited = bank.run("dead-letters list --limit 1").await;
    assert_eq!(limited.out.lines().count(), 2, "{limited:?}");
    assert_eq!(limited.err, "there are more: raise --limit, or name a projection\n");
    assert_eq!(bank.run("dead-letters list --limit 2").await.data(), table);
}

#[tokio::test]
async fn the_json_has_an_object_a_line() {
    let bank = poisoned().await;
    let lines = bank.run("dead-letters list --json").await.data();
    let lines: Vec<_> = lines.lines().collect();
    let before_cause = concat!(
        r#"{"projection":"ledger","projection_version":1,"queue":"key:ada","position":2,"#,
        r#""stream":"account-ada","version":2,"name":"account.deposited","attempts":1,"#,
        r#""first_at":"2026-01-31T12:05:00.000000Z","last_at":"2026-01-31T12:05:00.000000Z","#,
        r#""cause":"the view `ada` of projection ledger v1 "#
    );
    assert!(lines[0].starts_with(before_cause), "{}", lines[0]);
    assert!(lines[0].ends_with(r#"","waiting":2}"#), "{}", lines[0]);
    assert!(lines[1].contains(r#""queue":"stream:account-bob","position":5,"#), "{}", lines[1]);
    assert!(lines[1].ends_with(r#"","waiting":0}"#), "{}", lines[1]);
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_bank_without_dead_letters_says_so() {
    let bank = running::<false>(Bank::with_accounts().await).await;
    for (line, said) in [
        ("dead-letters list", "there are no dead letters\n"),
        ("dead-letters list --discarded", "nothing was discarded\n"),
    ] {
        let ran = bank.run(line).await;
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("", said, 0));
        assert_eq!(bank.run(&format!("{line} --json")).await.data(), "");
    }
}

#[tokio::test]
async fn one_is_shown_with_its_whole_cause_and_its_event() {
    let bank = poisoned().await;
    let shown = bank.run("dead-letters show ledger --queue key:ada").await.data();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(
        lines[..7],
        [
            "projection  ledger v1",
            "queue       key:ada",
            "position    2",
            "stream      account-ada",
            "version     2",
            "name        account.deposited",
            "attempts    1",
        ]
    );
    assert!(
        lines[9].starts_with("cause       the view `ada` of projection ledger v1 cannot be used"),
        "{shown}"
    );
    assert_eq!(lines[10..12], ["waiting     2", ""]);
    let event = bank.run("events show 2").await.data();
    assert!(shown.ends_with(&format!("\n\n{event}")), "{shown}");
    let waits = bank.run("dead-letters show ledger --queue key:ada --position 3").await.data();
    assert!(waits.contains("cause       none: it waits behind one that could not be taken\n"), "{waits}");
    assert!(waits.contains("attempts    0\n") && waits.contains("waiting     1\n"), "{waits}");
}

#[tokio::test]
async fn the_json_of_one_has_its_line_and_its_event() {
    let bank = poisoned().await;
    let document = bank.run("dead-letters show ledger --queue stream:account-bob --json").await.data();
    let list = bank.run("dead-letters list --json").await.data();
    let event = bank.run("events show 5 --json").await.data();
    let line = list.lines().nth(1).unwrap().strip_suffix('}').unwrap();
    assert_eq!(document, format!("{line},\"event\":{}}}\n", event.trim_end()));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let bank = poisoned().await;
    let typo = bank.run("dead-letters list leger").await.refusal(FailureKind::NotFound);
    assert!(typo.contains("no read model `leger`") && typo.contains("did you mean `ledger`?"), "{typo}");
    for (line, said) in [
        ("list ledger --version 2", "no read model `ledger` v2"),
        ("show leger --queue key:ada", "did you mean `ledger`?"),
        ("show ledger --queue key:eve", "ledger v1 has no dead letter in key:eve\n"),
        ("show ledger --queue key:ada --position 1", "has no dead letter in key:ada at position 1\n"),
        ("retry leger --all", "the application has no read model `leger`\nhint: did you mean `ledger`?"),
        ("retry ledger --queue key:eve", "ledger v1 has no dead letter in key:eve\n"),
        ("discard ledger --queue key:ada --position 9 --reason x --yes", "in key:ada at position 9\n"),
    ] {
        let refusal = bank.run(&format!("dead-letters {line}")).await.refusal(FailureKind::NotFound);
        assert!(refusal.contains(said), "{line}: {refusal}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "retry ledger",
        "retry ledger --all --queue key:a",
        "show ledger",
        "show ledger --queue ada",
        "show ledger --queue key:a --position 0",
        "discard ledger --queue key:a --position 1",
        "list --version 1",
    ] {
        let words: Vec<_> = "bank dead-letters".split(' ').chain(line.split(' ')).collect();
        assert!(Args::try_parse_from(words).is_err(), "{line}");
    }
}

#[tokio::test]
async fn a_retry_by_a_mended_program_takes_them_all() {
    let bank = poisoned().await;
    let again = bank.run("dead-letters retry ledger --queue key:ada").await;
    assert_eq!((again.out.as_str(), again.code), ("ledger v1: 0 settled, 1 failed, 2 waiting\n", 1));
    assert_eq!(
        again.err,
        "error: 1 dead letter of ledger v1 failed again\nhint: see why with: dead-letters list ledger\n"
    );
    let shown = bank.run("dead-letters show ledger --queue key:ada").await.data();
    assert!(shown.contains("attempts    2\n"), "{shown}");
    let bank = running::<true>(bank).await;
    let one = bank.run("dead-letters retry ledger --queue key:ada").await;
    assert_eq!((one.out.as_str(), one.code), ("ledger v1: 3 settled, 0 failed, 0 waiting\n", 0));
    let left = bank.run("dead-letters retry ledger --all").await;
    assert_eq!((left.out.as_str(), left.code), ("ledger v1: 0 settled, 1 failed, 0 waiting\n", 1));
}

const DISCARD: &str = "dead-letters discard ledger --queue key:ada --position 2 --reason wrong\u{1b}";

#[tokio::test]
async fn one_is_discarded_when_it_is_agreed_and_listed_with_the_reason() {
    let bank = poisoned().await;
    let refused = bank.run(DISCARD).await.refusal(FailureKind::Usage);
    let about = "about to do without account.deposited for ever, version 2 of stream `account-ada`, \
                 in key:ada at position 2 of ledger v1\n";
    assert!(refused.starts_with(about) && refused.contains("hint: look at"), "{refused}");
    assert_eq!(bank.store.discarded(&id()).await.unwrap(), []);
    let Ran { out, err, code } = bank.run(&format!("{DISCARD} --yes")).await;
    let said = "ledger v1: discarded key:ada at position 2; 2 settled, 0 failed, 0 waiting\n";
    assert_eq!((out.as_str(), err.as_str(), code), (said, about, 0));
    let table = "\
projection  queue    position  discarded                 reason
ledger v1   key:ada         2  2026-01-31T12:05:00.000Z  wrong\\u{1b}
";
    assert_eq!(bank.run("dead-letters list --discarded").await.data(), table);
    let line = concat!(
        r#"{"projection":"ledger","projection_version":1,"queue":"key:ada","position":2,"#,
        r#""discarded_at":"2026-01-31T12:05:00.000000Z","reason":"wrong\u001b"}"#,
        "\n"
    );
    assert_eq!(bank.run("dead-letters list ledger --discarded --json").await.data(), line);
}

#[tokio::test]
async fn the_program_lists_and_shows_without_the_code() {
    let shop = Shop::new().await;
    shop.deposit(1, "ada", 13).await;
    App::new(shop.store.clone()).projection::<Ledger<false>>().catch_up().await.unwrap();
    let list = shop.es("dead-letters list ledger").data();
    assert!(list.contains("ledger v1   key:ada         1  account-ada"), "{list}");
    let shown = shop.es("dead-letters show ledger --queue key:ada --json").data();
    assert!(shown.contains(r#""waiting":0,"event":{"stream":"account-ada","version":1,"#), "{shown}");
    for needs_code in ["retry ledger --all", "discard ledger --queue key:ada --position 1 --reason x --yes"] {
        let refusal = shop.es(&format!("dead-letters {needs_code}")).refusal(FailureKind::Usage);
        assert!(refusal.contains("unrecognized subcommand"), "{refusal}");
    }
}
