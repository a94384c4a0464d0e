//! Dead letters, of views in the store's own tables and in the application's.

use super::accounts::{AccountEvent, Deposited, generation, number, record, run};
use super::in_table::with_table;
use es_core::{
    AnyProjector, DeadLetterStore, Fate, KeyError, LetterPlace, OnFailure, Projection, Projector, Recorded,
    Retried,
};
use es_postgres::{PostgresStore, in_table};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

const TABLE: &str = "CREATE TABLE sums (key text COLLATE \"C\" PRIMARY KEY, cents bigint NOT NULL)";

/// What an account has; the program of today cannot take 13.
#[derive(Default, Serialize, Deserialize)]
struct Sum<const IS_MENDED: bool> {
    cents: i64,
}

impl<const IS_MENDED: bool> Projection for Sum<IS_MENDED> {
    const NAME: &'static str = "sum";
    const ON_FAILURE: OnFailure = OnFailure::ParkKey;
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        if let Deposited { amount } = event.data {
            assert!(IS_MENDED || amount != 13, "as it must");
            self.cents += amount;
        }
        Fate::Keep
    }
}

fn projector<const IS_MENDED: bool>(store: &PostgresStore, in_a_table: bool) -> AnyProjector {
    let projector = match in_a_table {
        true => in_table::<Sum<IS_MENDED>>(store, "sums").unwrap(),
        false => Projector::<Sum<IS_MENDED>>::new(store.clone()),
    };
    projector.any().clone()
}

async fn deposit(store: &PostgresStore, key: &str, amounts: &[i64]) {
    record(store, key, amounts.iter().map(|amount| Deposited { amount: *amount })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_07_a_batch_whose_dead_letter_cannot_be_written_is_not_written_either() {
    for in_a_table in [false, true] {
        let Some((_database, store, mut stranger)) = with_table(TABLE).await else { return };
        let today = projector::<false>(&store, in_a_table);
        deposit(&store, "ada", &[1]).await;
        today.catch_up().await.unwrap();
        let before = generation(&today).await.cursor();
        run(
            &mut stranger,
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'no letters today'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON es.dead_letters EXECUTE FUNCTION public.refuse()",
        )
        .await;
        deposit(&store, "bob", &[2]).await;
        deposit(&store, "ada", &[13, 3]).await;
        let refused = today.catch_up().await.unwrap_err();
        let chain = format!("{refused:?}");
        assert!(chain.contains("no letters today") || chain.contains("P0001"), "{chain}");
        assert_eq!(generation(&today).await.cursor(), before, "in a table: {in_a_table}");
        let letters = "SELECT count(*) FROM es.dead_letters";
        assert_eq!(number(&mut stranger, letters).await, 0);
        if in_a_table {
            assert_eq!(
                number(&mut stranger, "SELECT sum(cents)::bigint FROM sums").await,
                1,
                "nothing of the batch"
            );
        }
        run(&mut stranger, "DROP TRIGGER refuse ON es.dead_letters").await;
        today.catch_up().await.unwrap();
        assert_eq!(number(&mut stranger, letters).await, 2);
        let again = Retried { failed: 1, waiting: 1, ..Retried::default() };
        assert_eq!(today.retry(None).await.unwrap(), again);
        let mended = projector::<true>(&store, in_a_table).retry(None).await.unwrap();
        assert_eq!(mended, Retried { settled: 2, ..Retried::default() });
        if in_a_table {
            assert_eq!(number(&mut stranger, "SELECT cents FROM sums WHERE key = 'ada'").await, 17);
        }
        let comparison = projector::<true>(&store, in_a_table).check(|_| ()).await.unwrap();
        assert!(matches!(comparison, es_core::Comparison::Identical { .. }), "{comparison:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_of_a_table_is_discarded_and_a_build_that_did_not_know_is_dropped_with_its_table() {
    let Some((_database, store, mut stranger)) = with_table(TABLE).await else { return };
    let today = projector::<false>(&store, true);
    deposit(&store, "ada", &[1, 13, 3]).await;
    today.catch_up().await.unwrap();
    let letters = store.letters(generation(&today).await.id, None, 9).await.unwrap();
    let place: LetterPlace = letters[0].place.clone();
    // A build that is left behind after its first event.
    let (mended, begun) = (projector::<true>(&store, true).with_batch_events_max(1), Notify::new());
    tokio::select! {
        biased;
        () = begun.notified() => {}
        ended = mended.rebuild(|_| begun.notify_one()) => panic!("it was not left behind: {ended:?}"),
    }
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'sums%' AND relkind = 'r'";
    assert_eq!(number(&mut stranger, tables).await, 2);
    let went_on = today.discard_letter(&place, "a mistake").await.unwrap();
    assert_eq!(went_on, Retried { settled: 1, ..Retried::default() });
    assert_eq!(number(&mut stranger, tables).await, 1, "nothing of the build is left over");
    mended.rebuild(|_| ()).await.unwrap();
    assert_eq!(number(&mut stranger, "SELECT cents FROM sums WHERE key = 'ada'").await, 4);
}
