//! Dead letters of read models in tables of their own.

use super::common::*;
use es_core::{
    AnyProjector, Append, Comparison, DeadLetter, DeadLetterStore, Event, EventStore, Expected, Generation,
    KeyError, LetterQueue, OnFailure, ProjectorError, Recorded, Retried,
};
use es_sqlite::{SqliteProjection, SqliteStore, Statements, Tables, projector};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::marker::PhantomData;
use std::time::Duration;

/// What the program of today cannot take.
const IS_NULL: &str = "13";
const IS_REFUSED: &str = "7";
const PANICS: &str = "66";
const OVERFLOWS: &str = "99";
const IS_TOO_BIG: &str = "21";
const CANNOT_BE_READ: &str = "\"s3cret\"";
const NEVER_COMES_BACK: &str = "31";
const POISONS: [&str; 7] =
    [IS_NULL, IS_REFUSED, PANICS, OVERFLOWS, IS_TOO_BIG, CANNOT_BE_READ, NEVER_COMES_BACK];
/// Nobody's fault.
const HAS_NO_TABLE: &str = "5";

trait Program: Send + Sync + 'static {
    type Event: Event + Send + Sync;
    const POLICY: OnFailure;
    const IS_MENDED: bool = false;

    fn amount(event: &Self::Event) -> String;
}

struct Mended;
struct Parks;
struct Skips;
struct Halts;

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AnyAmount {
    Deposited { amount: serde_json::Value },
}

#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Amount {
    Deposited { amount: i64 },
}

impl Program for Mended {
    type Event = AnyAmount;
    const POLICY: OnFailure = OnFailure::ParkKey;
    const IS_MENDED: bool = true;

    fn amount(AnyAmount::Deposited { amount }: &AnyAmount) -> String {
        amount.to_string()
    }
}

macro_rules! today {
    ($($program:ident: $policy:ident),*) => {$(
        impl Program for $program {
            type Event = Amount;
            const POLICY: OnFailure = OnFailure::$policy;

            fn amount(Amount::Deposited { amount }: &Amount) -> String {
                amount.to_string()
            }
        }
    )*};
}
today!(Parks: ParkKey, Skips: Skip, Halts: Halt);

/// The amounts of an account, in order.
struct Ledger<P>(PhantomData<fn() -> P>);

impl<P: Program> SqliteProjection for Ledger<P> {
    const NAME: &'static str = "ledger";
    const TABLES: &'static [&'static str] = &["ledgers"];
    const ON_FAILURE: OnFailure = P::POLICY;
    const TIME_LIMIT: Duration = Duration::from_millis(300);
    type Event = P::Event;

    fn create(tables: &Tables) -> Vec<String> {
        vec![format!(
            "CREATE TABLE {} (owner TEXT PRIMARY KEY, amounts TEXT NOT NULL)",
            tables.name("ledgers")
        )]
    }

    fn project(
        event: &Recorded<P::Event>,
        tables: &Tables,
        statements: &mut Statements,
    ) -> Result<(), KeyError> {
        let amount = P::amount(&event.data);
        let mut written = Some(amount.clone());
        match &*amount {
            HAS_NO_TABLE => drop(statements.push("INSERT INTO absent VALUES (1)")),
            _ if P::IS_MENDED => (),
            IS_REFUSED => return Err(KeyError::new("the account is not known")),
            IS_NULL => written = None,
            IS_TOO_BIG => drop(statements.push("SELECT zeroblob(3000000000)")),
            OVERFLOWS => drop(statements.push("SELECT abs(-9223372036854775807 - 1)")),
            PANICS => panic!("as it must"),
            NEVER_COMES_BACK => loop {
                std::thread::park();
            },
            _ => (),
        }
        let ledgers = tables.name("ledgers");
        let sql = format!(
            "INSERT INTO {ledgers} VALUES (?1, ?2)
                ON CONFLICT DO UPDATE SET amounts = amounts || ',' || excluded.amounts"
        );
        statements.push(sql).bind(event.stream.key()).bind(written);
        Ok(())
    }
}

fn ledger<P: Program>(store: &SqliteStore) -> AnyProjector {
    projector::<Ledger<P>>(store).unwrap()
}

async fn deposit(store: &SqliteStore, owner: &str, amounts: &[&str]) {
    let events = amounts.iter().map(|amount| event("account.deposited", &format!("{{\"amount\":{amount}}}")));
    store.append(Append::new(stream(owner), Expected::Any, events.collect())).await.unwrap();
}

async fn ledgers(connection: &mut SqliteConnection) -> Vec<(String, String)> {
    sqlx::query_as("SELECT owner, amounts FROM ledgers ORDER BY owner").fetch_all(connection).await.unwrap()
}

fn rows<const N: usize>(rows: [(&str, &str); N]) -> Vec<(String, String)> {
    rows.map(|(owner, amounts)| (owner.to_owned(), amounts.to_owned())).to_vec()
}

async fn generation(projector: &AnyProjector) -> Generation {
    let generations = projector.store().generations().await.unwrap();
    generations.into_iter().find(|found| found.projection == *projector.projection()).unwrap()
}

async fn letters(projector: &AnyProjector) -> Vec<DeadLetter> {
    projector.store().letters(generation(projector).await.id, None, 99).await.unwrap()
}

fn retried(settled: u64, failed: u64, waiting: u64) -> Retried {
    let mut retried = Retried::default();
    (retried.settled, retried.failed, retried.waiting) = (settled, failed, waiting);
    retried
}

async fn assert_as_a_plain_replay(projector: &AnyProjector) {
    let compared = projector.check(|_| ()).await.unwrap();
    assert!(matches!(compared, Comparison::Identical { .. }), "{compared:?}");
}

#[tokio::test]
async fn pj_06_in_sqlite_tables_the_stream_of_a_poison_waits_in_order_and_the_others_go_on() {
    for poison in POISONS {
        let (_directory, path) = file();
        let store = SqliteStore::open(&path).await.unwrap();
        let mut reader = stranger(&path).await;
        deposit(&store, "ada", &["1", poison, "3"]).await;
        deposit(&store, "bob", &["2"]).await;
        let today = ledger::<Parks>(&store);
        today.catch_up().await.unwrap();
        deposit(&store, "ada", &["4"]).await;
        deposit(&store, "bob", &["6"]).await;
        today.catch_up().await.unwrap();
        assert_eq!(ledgers(&mut reader).await, rows([("ada", "1"), ("bob", "2,6")]), "{poison}");

        let found = letters(&today).await;
        assert!(found.iter().all(|letter| letter.place.queue == LetterQueue::Stream(stream("ada"))));
        let causes: Vec<_> = found.iter().map(|letter| letter.cause.as_deref()).collect();
        assert_eq!((causes.len(), causes[1], causes[2]), (3, None, None), "{poison}: {causes:?}");
        let cause = causes[0].unwrap();
        assert!(cause.contains("version 2 of stream `account-ada`") && !cause.contains("s3cret"), "{cause}");

        assert_eq!(today.retry(None).await.unwrap(), retried(0, 1, 2), "{poison}");
        assert_as_a_plain_replay(&today).await;
        let mended = ledger::<Mended>(&store);
        assert_eq!(mended.retry(None).await.unwrap(), retried(3, 0, 0), "{poison}");
        let whole = format!("1,{poison},3,4");
        assert_eq!(ledgers(&mut reader).await, rows([("ada", &*whole), ("bob", "2,6")]));
        assert_eq!(letters(&today).await, []);
        assert_as_a_plain_replay(&mended).await;
    }
}

#[tokio::test]
async fn a_discarded_letter_of_sql_lets_those_behind_it_go_also_in_a_rebuild() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut reader = stranger(&path).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &["1", IS_NULL, "3", CANNOT_BE_READ, "4"]).await;
    today.catch_up().await.unwrap();
    let first = letters(&today).await.swap_remove(0).place;
    assert_eq!(today.discard_letter(&first, "a mistake").await.unwrap(), retried(1, 1, 1));
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3")]));
    let second = letters(&today).await.swap_remove(0).place;
    assert_eq!(today.discard_letter(&second, "another").await.unwrap(), retried(1, 0, 0));
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3,4")]));
    today.rebuild(|_| ()).await.unwrap();
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3,4")]));
    assert_as_a_plain_replay(&today).await;
}

#[tokio::test]
async fn what_sql_skips_holds_up_nothing() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut reader = stranger(&path).await;
    let today = ledger::<Skips>(&store);
    deposit(&store, "ada", &["1", IS_NULL, "3", PANICS]).await;
    today.catch_up().await.unwrap();
    deposit(&store, "ada", &["4"]).await;
    today.catch_up().await.unwrap();
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3,4")]));
    assert!(letters(&today).await.iter().all(|letter| letter.cause.is_some()));
    assert_eq!(today.retry(None).await.unwrap(), retried(0, 2, 0));
    assert_eq!(ledger::<Mended>(&store).retry(None).await.unwrap(), retried(2, 0, 0));
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3,4,13,66")]));
}

#[tokio::test]
async fn sql_that_halts_has_no_letters_and_what_is_before_a_known_event() {
    for poison in POISONS {
        let (_directory, path) = file();
        let store = SqliteStore::open(&path).await.unwrap();
        let mut reader = stranger(&path).await;
        let today = ledger::<Halts>(&store);
        deposit(&store, "ada", &["1", poison]).await;
        let failed = today.catch_up().await.unwrap_err();
        let is_known = matches!(poison, IS_REFUSED | CANNOT_BE_READ | PANICS | NEVER_COMES_BACK);
        assert_eq!(failed.position().is_some(), is_known, "{failed:?}");
        let expected = if is_known { rows([("ada", "1")]) } else { Vec::new() };
        assert_eq!(ledgers(&mut reader).await, expected, "{poison}");
        assert_eq!(letters(&today).await, []);
        assert!(generation(&today).await.halt().is_some());
        ledger::<Parks>(&store).catch_up().await.unwrap();
        assert_eq!(letters(&today).await.len(), 1, "{poison}");
    }
}

#[tokio::test]
async fn a_table_that_is_missing_halts_sql_and_parks_nothing() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut reader = stranger(&path).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &["1", HAS_NO_TABLE]).await;
    let failed = today.catch_up().await.unwrap_err();
    assert!(matches!(failed, ProjectorError::Store { .. }) && !failed.is_transient(), "{failed:?}");
    assert_eq!((letters(&today).await, ledgers(&mut reader).await), (vec![], vec![]));

    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let today = ledger::<Parks>(&store);
    deposit(&store, "bob", &[IS_NULL]).await;
    deposit(&store, "ada", &[HAS_NO_TABLE]).await;
    today.catch_up().await.unwrap_err();
    today.catch_up().await.unwrap_err();
    let found = letters(&today).await;
    assert_eq!((found.len(), found[0].stream.key()), (1, "bob"), "only what is an event's own fault");
}

#[tokio::test]
async fn pj_07_a_batch_of_sql_whose_dead_letter_cannot_be_written_is_not_written_either() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut stranger = stranger(&path).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &[IS_NULL]).await;
    today.catch_up().await.unwrap();
    let before = generation(&today).await.cursor();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON dead_letters
        BEGIN SELECT RAISE(ABORT, 'no letters today'); END";
    sqlx::query(refuse).execute(&mut stranger).await.unwrap();
    deposit(&store, "bob", &["2"]).await;
    deposit(&store, "ada", &["3"]).await;
    let refused = format!("{:?}", today.catch_up().await.unwrap_err());
    assert!(refused.contains("no letters today"), "{refused}");
    assert_eq!(generation(&today).await.cursor(), before);
    assert_eq!(ledgers(&mut stranger).await, [], "nothing of the batch");
    // One that fails anew.
    deposit(&store, "bob", &[PANICS]).await;
    today.catch_up().await.unwrap_err();
    assert_eq!(letters(&today).await.len(), 1);

    sqlx::query("DROP TRIGGER refuse").execute(&mut stranger).await.unwrap();
    today.catch_up().await.unwrap();
    assert_eq!(ledgers(&mut stranger).await, rows([("bob", "2")]));
    assert_eq!(letters(&today).await.len(), 3);
    let mended = ledger::<Mended>(&store);
    assert_eq!(mended.retry(None).await.unwrap(), retried(3, 0, 0));
    assert_as_a_plain_replay(&mended).await;
}
