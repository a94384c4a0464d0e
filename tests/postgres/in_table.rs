//! Views in the columns of a table that the application's own migrations made.

use super::accounts::*;
use chrono::{DateTime, Utc};
use es_core::{Comparison, Fate, KeyError, Projection, Recorded};
use es_postgres::{PostgresStore, in_table};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tests::Database;

/// What an account has; gone when it is closed. Its owner is a field that comes and goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Balance {
    cents: i64,
    events: u32,
    last: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

impl Projection for Balance {
    const NAME: &'static str = "balance";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        self.events += 1;
        self.last = Some(event.recorded_at);
        match &event.data {
            Opened { owner } => self.owner = Some(owner.clone()),
            Deposited { amount } => {
                self.cents += amount;
                self.owner = self.owner.take().filter(|_| *amount != 13);
            }
            Closed => return Fate::Delete,
        }
        Fate::Keep
    }
}

const TABLE: &str =
    "CREATE TABLE balances (key text COLLATE \"C\" PRIMARY KEY, cents bigint NOT NULL, events integer,
    last timestamptz, owner text, checked boolean NOT NULL DEFAULT false)";

async fn with_table(table: &str) -> Option<(Database, PostgresStore, PgConnection)> {
    let database = database().await?;
    let (store, mut stranger) = (open(&database).await, stranger(&database).await);
    run(&mut stranger, table).await;
    Some((database, store, stranger))
}

async fn rows(connection: &mut PgConnection) -> Vec<(String, i64, i32, Option<String>)> {
    let sql = "SELECT key, cents, events, owner FROM balances ORDER BY key";
    sqlx::query_as(sql).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn a_row_has_each_event_once_live_and_rebuilt() {
    let Some((_database, store, mut stranger)) = with_table(TABLE).await else { return };
    let balances = in_table::<Balance>(&store, "balances").unwrap().with_batch_events_max(2);
    record(&store, "ada", [Opened { owner: "Ada".into() }, Deposited { amount: 5 }, Deposited { amount: 6 }])
        .await;
    record(&store, "bob", [Opened { owner: "null".into() }, Deposited { amount: 13 }]).await;
    record(&store, "eve", [Deposited { amount: 1 }, Closed]).await;
    balances.catch_up().await.unwrap();
    let ada = ("ada".to_owned(), 11, 3, Some("Ada".to_owned()));
    let bob = ("bob".to_owned(), 13, 2, None);
    assert_eq!(rows(&mut stranger).await, [ada.clone(), bob.clone()]);

    balances.rebuild().await.unwrap();
    assert_eq!(rows(&mut stranger).await, [ada.clone(), bob]);
    deposits(&store, "bob", 1).await;
    balances.catch_up().await.unwrap();
    assert_eq!(rows(&mut stranger).await[1], ("bob".to_owned(), 14, 3, None));
    let compared = balances.any().check(|_| ()).await.unwrap();
    assert!(matches!(compared, Comparison::Identical { compared: 2, .. }), "{compared:?}");

    assert_eq!(balances.get(&"ada".into()).await.unwrap().unwrap().cents, 11);
    assert_eq!(balances.get(&"eve".into()).await.unwrap(), None);
    let listed = balances.list(Some(&"ada".into()), 10).await.unwrap();
    assert_eq!(listed.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["bob"]);
    run(&mut stranger, "UPDATE balances SET cents = 7 WHERE key = 'bob'").await;
    let Comparison::Different(difference) = balances.any().check(|_| ()).await.unwrap() else {
        panic!("it was changed")
    };
    assert_eq!(difference.key, "bob");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_was_replaced_writes_no_row() {
    let Some((database, store, mut stranger)) = with_table(TABLE).await else { return };
    let balances = in_table::<Balance>(&store, "balances").unwrap();
    replaced_during_a_batch(&database, &store, balances.any().clone()).await;
    assert_eq!(rows(&mut stranger).await, [("ada".to_owned(), 7, 4, None)]);
}

/// Numbers of every kind, as an event brought them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Numbers {
    signed: i64,
    unsigned: u64,
    double: f64,
    exact: f64,
    text: String,
    parts: Vec<i64>,
    document: serde_json::Value,
}

impl Projection for Numbers {
    const NAME: &'static str = "numbers";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        match &event.data {
            Deposited { amount } => {
                self.signed = *amount;
                self.unsigned = u64::MAX - amount.unsigned_abs() % 2;
                self.double = f64::from_bits(amount.unsigned_abs() >> 3);
                self.exact = 1.0 / (*amount as f64);
                self.parts.push(*amount);
                self.document =
                    serde_json::json!({ "n": amount, "k": event.stream.key(), "z": -0.0, "null": null });
            }
            Opened { owner } => self.text.clone_from(owner),
            Closed => return Fate::Delete,
        }
        Fate::Keep
    }
}

const HOSTILE: [&str; 9] = [
    "a'\"\\",
    "\"; DROP TABLE balances; --",
    "{\"signed\":1}",
    "$1",
    "a,b}{",
    "é\u{1F600}\u{FFFD}",
    "null",
    " ",
    "A%_",
];

#[tokio::test]
async fn hostile_keys_and_big_numbers_come_back_as_they_were() {
    let table = "CREATE TABLE balances (key text PRIMARY KEY, signed bigint, unsigned numeric, double double precision,
        exact double precision, text text, parts bigint[], document json)";
    let Some((_database, store, mut stranger)) = with_table(table).await else { return };
    let numbers = in_table::<Numbers>(&store, "balances").unwrap().with_batch_events_max(5);
    for (key, number) in
        HOSTILE.into_iter().zip([i64::MAX, i64::MIN, (1 << 53) + 1, 3, 7, 10, -11, 1 << 62, 999_999_999_999])
    {
        let amounts = [number, 49, number];
        record(&store, key, amounts.map(|amount| Deposited { amount })).await;
        record(&store, key, [Opened { owner: format!("{key}\n\t") }]).await;
    }
    numbers.catch_up().await.unwrap();
    let expected = folded::<Numbers>(&store).await;
    assert_eq!(expected.len(), HOSTILE.len());
    for (key, view) in &expected {
        assert_eq!(numbers.get(key).await.unwrap().as_ref(), Some(view), "{key}");
    }
    let mut listed = numbers.list(None, 5).await.unwrap();
    listed.extend(numbers.list(Some(&listed.last().unwrap().0), 5).await.unwrap());
    assert_eq!(listed, expected, "also the order of the keys' bytes");
    let compared = numbers.any().check(|_| ()).await.unwrap();
    assert!(matches!(compared, Comparison::Identical { compared: 9, .. }), "{compared:?}");
    let exact = "SELECT count(*) FROM balances WHERE signed IN (9223372036854775807, 9007199254740993)";
    assert_eq!(number(&mut stranger, exact).await, 2);
}

#[tokio::test]
async fn a_table_that_does_not_give_back_what_was_written_halts() {
    let fields =
        "signed bigint, unsigned numeric, double double precision, exact double precision, text text,
        parts bigint[], document json";
    let wrong = [
        ("exact double precision", "exact numeric(10, 2)", "`exact` does not give back"),
        ("unsigned numeric", "unsigned double precision", "cannot be read as a view"),
        ("signed bigint", "signed integer", "SQLSTATE 22003"),
        ("text text", "text varchar(3)", "SQLSTATE 22001"),
        ("signed bigint", "signed bigint CHECK (signed < 0)", "constraint `balances_signed_check`"),
        ("document json", "document jsonb", "`document` does not give back"),
        ("key text", "key uuid", "SQLSTATE 22P02"),
    ];
    for (right, wrong, reason) in wrong {
        let table = format!("CREATE TABLE balances (key text PRIMARY KEY, {fields})").replace(right, wrong);
        let Some((_database, store, mut stranger)) = with_table(&table).await else { return };
        let numbers = in_table::<Numbers>(&store, "balances").unwrap();
        let amount = i64::MAX - 2;
        record(&store, "ada", [Opened { owner: "s3cret".into() }, Deposited { amount }]).await;
        let failed = numbers.catch_up().await;
        let said = format!("{failed:?}");
        assert!(unusable(failed).contains(reason), "{wrong}: {said}");
        assert!(!said.contains("s3cret") && !said.contains(&amount.to_string()), "{said}");
        assert_eq!(number(&mut stranger, "SELECT count(*) FROM balances").await, 0);
        let halted = generation(numbers.any()).await;
        assert!(halted.position().value() == 0 && halted.halt.unwrap().cause.contains(reason), "{wrong}");
    }
}

#[tokio::test]
async fn keys_that_the_table_takes_for_one_halt_the_projector() {
    let table =
        "CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
            .to_owned()
            + &TABLE.replace("COLLATE \"C\"", "COLLATE folding");
    let Some((_database, store, mut stranger)) = with_table(&table).await else { return };
    let balances = in_table::<Balance>(&store, "balances").unwrap();
    deposits(&store, "ada", 1).await;
    balances.catch_up().await.unwrap();
    deposits(&store, "ADA", 2).await;
    assert!(unusable(balances.catch_up().await).contains("the key `ADA` is `ada` there"));
    assert_eq!(rows(&mut stranger).await, [("ada".to_owned(), 1, 1, None)]);
}

#[tokio::test]
async fn a_table_that_does_not_fit_is_refused_before_anything_is_written() {
    let wrong = [
        ("SELECT 1", "expected the columns `key`, `cents`, `events`, `last`, `owner`"),
        ("CREATE VIEW balances AS SELECT 'a' AS key, 1 AS cents", "no ordinary table"),
        (
            "CREATE TABLE balances (key text PRIMARY KEY, cents bigint, last timestamptz)",
            "expected a column `events`",
        ),
        (
            "CREATE TABLE balances (key text, cents bigint, events integer, last timestamptz)",
            "a column `key` with a",
        ),
        (
            "CREATE TABLE balances (key text PRIMARY KEY, cents bigint GENERATED ALWAYS AS (1) STORED,
                events integer, last timestamptz)",
            "`cents` that can be written",
        ),
    ];
    for (table, reason) in wrong {
        let Some((_database, store, _)) = with_table(table).await else { return };
        let balances = in_table::<Balance>(&store, "balances").unwrap();
        deposits(&store, "ada", 1).await;
        let found = unusable(balances.catch_up().await);
        assert!(found.contains(reason) && found.contains("`balances`"), "{reason}: {found}");
        assert!(generation(balances.any()).await.halt.unwrap().cause.contains(reason));
    }
    // A field that comes and goes is missed when it comes.
    let Some((_database, store, mut stranger)) = with_table(&TABLE.replace("owner text,", "")).await else {
        return;
    };
    let balances = in_table::<Balance>(&store, "balances").unwrap();
    deposits(&store, "ada", 1).await;
    balances.catch_up().await.unwrap();
    record(&store, "bob", [Deposited { amount: 1 }, Opened { owner: "Bob".into() }]).await;
    assert!(unusable(balances.catch_up().await).contains("no column `owner`"));
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM balances").await, 1);
}

/// Another projection that wants the same table.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Other {
    cents: i64,
}

impl Projection for Other {
    const NAME: &'static str = "other";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Balance::keys(event)
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        Fate::Keep
    }
}

#[tokio::test]
async fn a_table_with_rows_of_others_is_refused() {
    let Some((_database, store, mut stranger)) = with_table(TABLE).await else { return };
    run(&mut stranger, "INSERT INTO balances VALUES ('x', 1)").await;
    let balances = in_table::<Balance>(&store, "balances").unwrap();
    for refused in [balances.rebuild().await.map(drop), balances.catch_up().await.map(drop)] {
        assert!(unusable(refused).contains("not this read model's"));
    }
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM balances").await, 1);

    run(&mut stranger, "TRUNCATE balances").await;
    deposits(&store, "ada", 2).await;
    balances.catch_up().await.unwrap();
    let other = in_table::<Other>(&store, "balances").unwrap();
    for refused in [other.rebuild().await.map(drop), other.catch_up().await.map(drop)] {
        assert!(unusable(refused).contains("not this read model's"));
    }
    assert_eq!(rows(&mut stranger).await, [("ada".to_owned(), 3, 2, None)]);

    // Views that were elsewhere before are not in the table.
    let moved = in_table::<Balance>(&store, "balances_anew").unwrap();
    run(&mut stranger, &TABLE.replace("balances", "balances_anew")).await;
    assert!(unusable(moved.catch_up().await).contains("not this read model's"));
}
