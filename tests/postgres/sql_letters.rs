//! Dead letters of read models in tables of their own, by their own SQL.

use super::accounts::{append, database, generation, number, open, run, stranger, stream};
use es_core::{
    AnyProjector, Comparison, DeadLetter, DeadLetterStore, Event, EventId, EventStore, LetterQueue, Metadata,
    NewEvent, OnFailure, Payload, ProjectorError, Recorded, Retried,
};
use es_postgres::{PgProjection, PostgresStore, Tables, projector};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, PgConnection};
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

/// What the program of today cannot take.
const IS_NULL: &str = "13";
const IS_NO_NUMBER: &str = "7";
const PANICS: &str = "66";
const NEVER_COMES_BACK: &str = "31";
const IS_RAISED: &str = "99";
const HAS_NO_PARENT: &str = "21";
const CANNOT_BE_READ: &str = "\"s3cret\"";
const POISONS: [&str; 6] = [IS_NULL, IS_NO_NUMBER, PANICS, IS_RAISED, HAS_NO_PARENT, CANNOT_BE_READ];
/// Nobody's fault.
const HAS_NO_TABLE: &str = "5";

trait Program: Send + Sync + 'static {
    type Event: Event + Send + Sync;
    const POLICY: OnFailure;
    const IS_MENDED: bool = false;
    const TIME_LIMIT: Duration = Duration::from_secs(120);

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

struct Hurried;

impl Program for Hurried {
    type Event = Amount;
    const POLICY: OnFailure = OnFailure::ParkKey;
    const TIME_LIMIT: Duration = Duration::from_secs(3);

    fn amount(Amount::Deposited { amount }: &Amount) -> String {
        amount.to_string()
    }
}

/// The amounts of an account, in order.
struct Ledger<P>(PhantomData<fn() -> P>);

impl<P: Program> PgProjection for Ledger<P> {
    const NAME: &'static str = "ledger";
    const TABLES: &'static [&'static str] = &["ledgers"];
    const ON_FAILURE: OnFailure = P::POLICY;
    const TIME_LIMIT: Duration = P::TIME_LIMIT;
    type Event = P::Event;

    fn create(tables: &Tables) -> Vec<String> {
        vec![
            "CREATE TABLE IF NOT EXISTS parents (name text PRIMARY KEY)".to_owned(),
            format!(
                "CREATE TABLE {} (owner text PRIMARY KEY, amounts text NOT NULL,
                    parent text REFERENCES parents (name) DEFERRABLE INITIALLY DEFERRED)",
                tables.name("ledgers")
            ),
        ]
    }

    async fn apply(
        events: &[Recorded<P::Event>],
        tables: &Tables,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        for event in events {
            let amount = P::amount(&event.data);
            let (mut written, mut parent, mut before) = (Some(&*amount), None, None);
            match &*amount {
                HAS_NO_TABLE => before = Some("INSERT INTO absent VALUES (1)"),
                _ if P::IS_MENDED => (),
                IS_NULL => written = None,
                HAS_NO_PARENT => parent = Some("nobody"),
                IS_NO_NUMBER => before = Some("SELECT text 's3cret'::bigint"),
                IS_RAISED => before = Some("DO $$ BEGIN RAISE EXCEPTION 's3cret'; END $$"),
                PANICS => panic!("as it must"),
                NEVER_COMES_BACK => std::future::pending().await,
                _ => (),
            }
            if let Some(before) = before {
                sqlx::query(before).execute(&mut *connection).await?;
            }
            let sql = format!(
                "INSERT INTO {} AS l VALUES ($1, $2, $3) ON CONFLICT (owner) DO UPDATE SET
                    amounts = l.amounts || ',' || excluded.amounts, parent = coalesce(l.parent, excluded.parent)",
                tables.name("ledgers")
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(event.stream.key()).bind(written).bind(parent);
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

fn ledger<P: Program>(store: &PostgresStore) -> AnyProjector {
    projector::<Ledger<P>>(store).unwrap()
}

async fn deposit(store: &PostgresStore, owner: &str, amounts: &[&str]) {
    let deposited = |amount: &&str| NewEvent {
        event_id: EventId::new(Uuid::now_v7()),
        name: "account.deposited".into(),
        schema_version: 1,
        payload: Payload::new(format!("{{\"amount\":{amount}}}").into_bytes()),
        metadata: Metadata::new(),
    };
    let mut call = append(owner, []);
    call.events = amounts.iter().map(deposited).collect();
    store.append(call).await.unwrap();
}

async fn ledgers(connection: &mut PgConnection) -> Vec<(String, String)> {
    sqlx::query_as("SELECT owner, amounts FROM ledgers ORDER BY owner").fetch_all(connection).await.unwrap()
}

fn rows<const N: usize>(rows: [(&str, &str); N]) -> Vec<(String, String)> {
    rows.map(|(owner, amounts)| (owner.to_owned(), amounts.to_owned())).to_vec()
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_06_in_postgresql_tables_the_stream_of_a_poison_waits_in_order_and_the_others_go_on() {
    for poison in POISONS {
        let Some(database) = database().await else { return };
        let store = open(&database).await;
        let mut reader = stranger(&database).await;
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
async fn a_discarded_letter_of_sql_on_postgresql_lets_those_behind_it_go_also_in_a_rebuild() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut reader = stranger(&database).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &["1", IS_NULL, "3", CANNOT_BE_READ, "4"]).await;
    today.catch_up().await.unwrap();
    let first = letters(&today).await.swap_remove(0).place;
    assert_eq!(today.discard_letter(&first, "a mistake").await.unwrap(), retried(1, 1, 1));
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3")]));
    let second = letters(&today).await.swap_remove(0).place;
    assert_eq!(today.discard_letter(&second, "another").await.unwrap(), retried(1, 0, 0));
    today.rebuild(|_| ()).await.unwrap();
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,3,4")]));
    assert_as_a_plain_replay(&today).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_09_sql_on_postgresql_that_does_not_come_back_is_given_up() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut reader = stranger(&database).await;
    deposit(&store, "ada", &["1", NEVER_COMES_BACK]).await;
    deposit(&store, "bob", &["2"]).await;
    let today = ledger::<Hurried>(&store);
    while let Err(error) = today.catch_up().await {
        // The server may take a moment to see that nobody is there any more.
        assert!(error.is_transient(), "{error:?}");
    }
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1"), ("bob", "2")]));
    let found = letters(&today).await;
    let cause = found[0].cause.as_deref().unwrap();
    assert!(found.len() == 1 && cause.contains("has not come back after 3s"), "{cause}");
    assert_eq!(ledger::<Mended>(&store).retry(None).await.unwrap(), retried(1, 0, 0));
    assert_eq!(ledgers(&mut reader).await, rows([("ada", "1,31"), ("bob", "2")]));
}

#[tokio::test]
async fn what_sql_on_postgresql_skips_holds_up_nothing() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut reader = stranger(&database).await;
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
async fn sql_on_postgresql_that_halts_has_no_letters() {
    for poison in POISONS {
        let Some(database) = database().await else { return };
        let store = open(&database).await;
        let mut reader = stranger(&database).await;
        let today = ledger::<Halts>(&store);
        deposit(&store, "ada", &["1", poison]).await;
        let failed = today.catch_up().await.unwrap_err();
        let is_known = poison == CANNOT_BE_READ;
        assert_eq!((failed.position().is_some(), failed.is_transient()), (is_known, false), "{failed:?}");
        let expected = if is_known { rows([("ada", "1")]) } else { Vec::new() };
        assert_eq!(ledgers(&mut reader).await, expected, "{poison}");
        assert_eq!(letters(&today).await, []);
        assert!(generation(&today).await.halt().is_some());
        ledger::<Parks>(&store).catch_up().await.unwrap();
        assert_eq!(letters(&today).await.len(), 1, "{poison}");
    }
}

#[tokio::test]
async fn a_table_that_is_missing_halts_sql_on_postgresql_and_parks_nothing() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &["1", HAS_NO_TABLE]).await;
    let failed = today.catch_up().await.unwrap_err();
    assert!(matches!(failed, ProjectorError::Store { .. }) && !failed.is_transient(), "{failed:?}");
    let mut reader = stranger(&database).await;
    assert_eq!((letters(&today).await, ledgers(&mut reader).await), (vec![], vec![]));
}

#[tokio::test]
async fn only_an_event_s_own_fault_becomes_a_letter_where_both_are_in_a_batch() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "bob", &[IS_NULL]).await;
    deposit(&store, "ada", &[HAS_NO_TABLE]).await;
    today.catch_up().await.unwrap_err();
    today.catch_up().await.unwrap_err();
    let found = letters(&today).await;
    assert_eq!((found.len(), found[0].stream.key()), (1, "bob"));
}

#[tokio::test]
async fn pj_07_a_batch_of_sql_whose_dead_letter_the_server_refuses_is_not_written_either() {
    let Some(database) = database().await else { return };
    let store = open(&database).await;
    let mut stranger = stranger(&database).await;
    let today = ledger::<Parks>(&store);
    deposit(&store, "ada", &[IS_NULL]).await;
    today.catch_up().await.unwrap();
    let before = generation(&today).await.cursor();
    run(
        &mut stranger,
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no letters today'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON es.dead_letters EXECUTE FUNCTION public.refuse()",
    )
    .await;
    deposit(&store, "bob", &["2"]).await;
    deposit(&store, "ada", &["3"]).await;
    let refused = format!("{:?}", today.catch_up().await.unwrap_err());
    assert!(refused.contains("P0001"), "{refused}");
    assert_eq!(generation(&today).await.cursor(), before);
    assert_eq!(ledgers(&mut stranger).await, [], "nothing of the batch");
    // One that fails anew.
    deposit(&store, "bob", &[PANICS]).await;
    today.catch_up().await.unwrap_err();
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM es.dead_letters").await, 1);

    run(&mut stranger, "DROP TRIGGER refuse ON es.dead_letters").await;
    today.catch_up().await.unwrap();
    assert_eq!(ledgers(&mut stranger).await, rows([("bob", "2")]));
    assert_eq!(letters(&today).await.len(), 3);
    let mended = ledger::<Mended>(&store);
    assert_eq!(mended.retry(None).await.unwrap(), retried(3, 0, 0));
    assert_as_a_plain_replay(&mended).await;
}
