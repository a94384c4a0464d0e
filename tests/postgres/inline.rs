//! Views that are written by the append itself.

use super::accounts::*;
use es_core::{
    AppendError, EventId, EventStore, Expected, Fate, KeyError, Metadata, NewEvent, Payload, Projection,
    Projector, Recorded, StoreError, Version,
};
use es_postgres::PostgresStore;
use serde::{Deserialize, Serialize};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use tests::{Database, wait};
use uuid::Uuid;

/// What an account has, and a digest that another order of its events would change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Account {
    amount: i64,
    version: u64,
    digest: u64,
}

impl Projection for Account {
    const NAME: &'static str = "account";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        match &event.data {
            Opened { owner } if owner == "nobody" => Err(KeyError::new("nobody is no owner")),
            Opened { owner } if owner == "two" => Ok(vec![event.stream.key().to_owned(), "another".into()]),
            Opened { owner } if owner == "shared" => Ok(vec!["shared".to_owned()]),
            _ => Ok(vec![event.stream.key().to_owned()]),
        }
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        match &event.data {
            Deposited { amount } => self.amount += amount,
            Opened { owner } => assert_ne!(owner, "panic", "on purpose"),
            Closed => return Fate::Delete,
        }
        self.version = event.version.value();
        self.digest = self.digest.wrapping_mul(1_000_003).wrapping_add(event.version.value());
        Fate::Keep
    }
}

async fn with_inline(database: &Database) -> PostgresStore {
    options(database).inline::<Account>().unwrap().open().await.unwrap()
}

async fn account(store: &PostgresStore, key: &str) -> Option<Account> {
    store.inline_view::<Account>(&key.to_owned()).await.unwrap()
}

async fn listed(store: &PostgresStore) -> Vec<(String, Account)> {
    Projector::<Account>::new(store.clone()).list(None, 10_000).await.unwrap()
}

async fn events(connection: &mut PgConnection) -> i64 {
    number(connection, "SELECT count(*) FROM es.events").await
}

#[tokio::test]
async fn an_inline_view_is_there_with_the_answer_of_the_append() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    deposits(&store, "ada", 3).await;
    assert_eq!(account(&store, "ada").await.unwrap().amount, 6);
    let both = vec![append("ada", [Deposited { amount: 1 }]), append("bob", [Deposited { amount: 2 }])];
    store.append_all(both).await.unwrap();
    record(&store, "eve", [Deposited { amount: 1 }, Closed]).await;
    for gone in ["eve", "ada\0"] {
        assert_eq!(account(&store, gone).await, None);
    }
    record(&store, "eve", [Deposited { amount: 5 }]).await;
    assert_eq!(account(&store, "eve").await.unwrap().amount, 5, "it begins anew");
    let views = folded::<Account>(&store).await;
    assert_eq!((views.len(), listed(&store).await), (3, views));
    let conflict = store.append(Expected::Empty.of("ada")).await;
    assert!(matches!(conflict, Err(AppendError::Conflict(_))), "{conflict:?}");
}

trait Of {
    fn of(self, key: &str) -> es_core::Append;
}

impl Of for Expected {
    fn of(self, key: &str) -> es_core::Append {
        es_core::Append { expected: self, ..append(key, [Deposited { amount: 1 }]) }
    }
}

/// Appends that an inline projection refuses, each for another reason.
fn refused() -> Vec<(es_core::Append, &'static str)> {
    let opened = |owner: &str| append("ada", [Deposited { amount: 1 }, Opened { owner: owner.into() }]);
    let unknown = NewEvent {
        event_id: EventId::new(Uuid::now_v7()),
        name: "account.unknown".into(),
        schema_version: 1,
        payload: Payload::new(b"{}".to_vec()),
        metadata: Metadata::new(),
    };
    let mut undecodable = append("ada", [Deposited { amount: 1 }]);
    undecodable.events.push(unknown);
    vec![
        (opened("nobody"), "nobody is no owner"),
        (opened("two"), "found two"),
        (opened("shared"), "found two"),
        (opened("panic"), "panicked"),
        (undecodable, "cannot be decoded"),
    ]
}

fn assert_refused(result: Result<impl std::fmt::Debug, AppendError>, version: u64, reason: &str) {
    let Err(AppendError::Store(StoreError::Inline { version: found, stream, source, .. })) = result else {
        panic!("expected a refusal, found {result:?}");
    };
    assert_eq!((found, stream.key()), (Version::new(version), "ada"));
    assert!(source.to_string().contains(reason), "{reason}: {source}");
}

#[tokio::test]
async fn pj_23_an_append_that_an_inline_projection_refuses_stores_nothing() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    let mut stranger = stranger(&database).await;
    deposits(&store, "ada", 2).await;
    let before = account(&store, "ada").await;
    for (append, reason) in refused() {
        let both = vec![super::accounts::append("bob", [Deposited { amount: 1 }]), append];
        assert_refused(store.append_all(both).await, 4, reason);
        assert_eq!(events(&mut stranger).await, 2, "{reason}");
    }
    assert_eq!(account(&store, "ada").await, before);
    assert_eq!(account(&store, "bob").await, None);
    let lingering = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
        AND datname = current_database()";
    until(&mut stranger, &lingering.replace("count(*)", "(count(*) = 0)::int::bigint")).await;
    record(&store, "ada", [Deposited { amount: 1 }]).await;
    assert_eq!(account(&store, "ada").await.unwrap().version, 3);
}

#[tokio::test]
async fn pj_23_what_is_refused_in_a_transaction_of_the_users_is_not_stored_by_its_commit() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    let mut mine = stranger(&database).await;
    deposits(&store, "ada", 2).await;
    for (append, reason) in refused() {
        let mut transaction = mine.begin().await.unwrap();
        let first = vec![super::accounts::append("bob", [Deposited { amount: 1 }])];
        store.append_in(&mut transaction, first).await.unwrap();
        assert_refused(store.append_in(&mut transaction, vec![append]).await, 4, reason);
        transaction.commit().await.unwrap();
    }
    assert_eq!(events(&mut mine).await, 2 + 5);
    assert_eq!(
        account(&store, "bob").await.unwrap().amount,
        5,
        "what was not refused is there, and its view"
    );

    let mut transaction = mine.begin().await.unwrap();
    store.append_in(&mut transaction, vec![append("ada", [Deposited { amount: 9 }])]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(listed(&store).await, folded::<Account>(&store).await);
}

#[tokio::test]
async fn two_streams_never_share_an_inline_view() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    record(&store, "bob", [Opened { owner: "shared".into() }]).await;
    let second = try_record(&store, "ada", [Opened { owner: "shared".into() }]).await;
    assert_refused(second, 1, "another stream has the same key");
    assert_eq!(account(&store, "shared").await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_appenders_at_once_leave_an_exact_inline_view() {
    let Some(database) = database().await else { return };
    let stores = [with_inline(&database).await, with_inline(&database).await];
    let appenders: Vec<_> = (0..16)
        .map(|appender| {
            let store = stores[appender % 2].clone();
            tokio::spawn(async move {
                for round in 0..6 {
                    deposits(&store, if round == 3 { "bob" } else { "ada" }, 2).await;
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.unwrap();
    }
    let ada = account(&stores[0], "ada").await.unwrap();
    assert_eq!((ada.version, ada.amount), (16 * 5 * 2, 16 * 5 * 3));
    assert_eq!(listed(&stores[0]).await, folded::<Account>(&stores[0]).await);
}

#[tokio::test]
async fn an_append_that_is_repeated_is_folded_once() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    let sent = append("ada", [Deposited { amount: 7 }]);
    let command = es_core::Append {
        command_id: Some(es_core::CommandId::new("once").unwrap()),
        ..append("ada", [Deposited { amount: 1 }])
    };
    for (round, append) in [&sent, &sent, &command, &command].into_iter().enumerate() {
        let answer = store.append(append.clone()).await.unwrap();
        assert_eq!(answer.repeated, round % 2 == 1);
    }
    let mut mine = stranger(&database).await;
    let mut transaction = mine.begin().await.unwrap();
    assert!(store.append_in(&mut transaction, vec![sent]).await.unwrap()[0].repeated);
    transaction.commit().await.unwrap();
    assert_eq!(account(&store, "ada").await.unwrap().amount, 8);
    let racing = append("ada", [Deposited { amount: 100 }]);
    let answers = futures::future::join_all((0..8).map(|_| store.append(racing.clone()))).await;
    assert_eq!(answers.into_iter().filter(|answer| !answer.as_ref().unwrap().repeated).count(), 1);
    assert_eq!(account(&store, "ada").await.unwrap().amount, 108);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inline_projection_that_is_added_later_equals_one_from_the_beginning() {
    let Some(database) = database().await else { return };
    let (without, with) = (open(&database).await, with_inline(&database).await);
    for key in 0..30 {
        record(&without, &key.to_string(), (0..1_100 / (key + 1)).map(|amount| Deposited { amount })).await;
    }
    assert_eq!(listed(&with).await, []);
    deposits(&with, "0", 1).await;
    let first = folded::<Account>(&with).await.swap_remove(0);
    assert_eq!(account(&with, "0").await, Some(first.1), "the stream's earlier events are folded first");

    let writers: Vec<_> = [with.clone(), without.clone(), with.clone()]
        .into_iter()
        .map(|store| {
            tokio::spawn(async move {
                for round in 0..40 {
                    deposits(&store, &(round % 35).to_string(), 1).await;
                }
            })
        })
        .collect();
    let (one, two, three) = tokio::join!(
        with.fill_inline::<Account>(),
        with.fill_inline::<Account>(),
        with.refill_inline::<Account>()
    );
    assert!(one.unwrap() + two.unwrap() + three.unwrap() >= 29);
    for writer in writers {
        writer.await.unwrap();
    }
    with.fill_inline::<Account>().await.unwrap();
    assert_eq!(listed(&with).await, folded::<Account>(&with).await);
    assert_eq!(with.fill_inline::<Account>().await.unwrap(), 0, "there is nothing left to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fills_that_meet_at_a_streams_first_view_do_not_take_each_other_for_another_stream() {
    let Some(database) = database().await else { return };
    let (without, with) = (open(&database).await, with_inline(&database).await);
    let mut stranger = stranger(&database).await;
    for key in 0..50 {
        deposits(&without, &key.to_string(), 1).await;
    }
    for _ in 0..20 {
        run(&mut stranger, "DELETE FROM es.inline_views").await;
        let fills = futures::future::join_all((0..8).map(|_| with.fill_inline::<Account>())).await;
        assert!(fills.into_iter().map(Result::unwrap).sum::<u64>() >= 50);
    }
    assert_eq!(listed(&with).await, folded::<Account>(&with).await);
}

#[tokio::test]
async fn a_refill_puts_views_right_that_another_code_has_made() {
    let Some(database) = database().await else { return };
    let store = with_inline(&database).await;
    deposits(&store, "ada", 3).await;
    deposits(&store, "bob", 2).await;
    let mut stranger = stranger(&database).await;
    run(&mut stranger, r#"UPDATE es.inline_views SET view = '{"amount":-1,"version":0,"digest":0}'"#).await;
    assert_eq!(store.fill_inline::<Account>().await.unwrap(), 0);
    assert_eq!(account(&store, "ada").await.unwrap().amount, -1);
    assert_eq!(store.refill_inline::<Account>().await.unwrap(), 2);
    assert_eq!(listed(&store).await, folded::<Account>(&store).await);
}

#[tokio::test]
async fn an_append_whose_caller_went_away_is_whole_or_not_at_all() {
    let Some(database) = database().await else { return };
    let store = Arc::new(with_inline(&database).await);
    for round in 0..30 {
        let appending = deposits(&store, "ada", 2);
        tokio::select! {
            biased;
            _ = appending => {}
            () = async { for _ in 0..round { tokio::task::yield_now().await } } => {}
        }
    }
    deposits(&store, "ada", 2).await;
    // What nobody waits for goes on by itself, and until it has ended the log is shown up to where it began.
    let settled = async {
        let mut looks = wait::looks();
        while listed(&store).await != folded::<Account>(&store).await {
            looks.tick().await;
        }
    };
    wait::within("the views are what the log says", settled).await;
}
