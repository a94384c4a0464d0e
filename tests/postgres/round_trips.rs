//! How many statements a call takes, counted in the server's own log.

use super::scene::{append, appended, connect, event, options, private_server, run, stream};
use es_core::{
    Aggregate, Append, AppendError, Apply, Event, EventStore, Expected, Filter, Handle, Position, Repository,
    StreamRange, Version,
};
use es_postgres::{Pooler, PostgresStore};
use futures::future::join_all;
use futures::poll;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use std::convert::Infallible;
use std::pin::pin;
use test_server::{Server, Settings};
use tests::wait;

/// A server that logs every statement it executes.
struct Counted {
    server: Server,
    store: PostgresStore,
}

impl Counted {
    async fn new() -> Option<Self> {
        let settings = Settings::new().with("log_statement", "all").with("log_line_prefix", "|");
        let server = private_server(settings)?;
        // Notifications are sent beside appends, at most one in a while: not what is counted here.
        let store = options(&server.url("postgres")).without_notifications().open().await.unwrap();
        let counted = Self { server, store };
        // Each lane connects before it is counted.
        for number in 0..8 {
            appended(&counted.store, &format!("first-{number}"), 1).await;
        }
        Some(counted)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.server.log_file()).unwrap()
    }

    /// The first words of each statement that the server executed for `work`.
    async fn statements<T>(&self, work: impl Future<Output = T>) -> (Vec<String>, T) {
        let before = self.log().len();
        let outcome = work.await;
        let log = self.log();
        let lines = log[before..].lines().filter_map(|line| line.strip_prefix("|LOG:  "));
        let executed = lines.filter_map(|line| {
            line.strip_prefix("statement: ")
                .or_else(|| line.strip_prefix("execute ")?.split_once(": ").map(|(_, sql)| sql))
        });
        (executed.map(str::to_owned).collect(), outcome)
    }
}

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum AccountEvent {
    Deposited { cents: i64 },
}

#[derive(Debug, Clone, PartialEq, Aggregate)]
#[aggregate(event = AccountEvent, error = Infallible, id = String)]
struct Account {
    id: String,
    cents: i64,
}

impl Apply<AccountEvent> for Account {
    fn apply(&mut self, event: &AccountEvent) {
        let AccountEvent::Deposited { cents } = event;
        self.cents += cents;
    }
}

struct Deposit(i64);

impl Handle<Deposit> for Account {
    fn handle(&self, command: &Deposit) -> Result<Vec<AccountEvent>, Infallible> {
        Ok(vec![AccountEvent::Deposited { cents: command.0 }])
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_is_one_statement_and_so_is_a_load() {
    let Some(counted) = Counted::new().await else { return };
    let store = &counted.store;
    for count in [1, 10, 1_000] {
        let (statements, _) = counted.statements(appended(store, "a", count)).await;
        assert_eq!(statements.len(), 1, "{count} events: {statements:?}");
        assert!(statements[0].starts_with("WITH "), "{statements:?}");
    }
    let three = vec![append("a", 1), append("b", 2), append("c", 1)];
    let (statements, answers) = counted.statements(store.append_all(three)).await;
    assert_eq!((statements.len(), answers.unwrap().len()), (1, 3), "{statements:?}");
    let stream = stream("b");
    let (statements, page) = counted.statements(store.read(&stream, StreamRange::default())).await;
    assert_eq!((statements.len(), page.unwrap().events.len()), (1, 2), "{statements:?}");
    let (statements, page) =
        counted.statements(store.read_all(Position::START, &Filter::default(), 10_000)).await;
    assert_eq!(statements.len(), 2, "the bound, and the rows: {statements:?}");
    let all = page.unwrap().events;
    assert_eq!(all.len(), 8 + 1_011 + 4);
    let near = all[all.len() - 3].position;
    let (statements, page) = counted.statements(store.read_all(near, &Filter::default(), 10_000)).await;
    assert_eq!((statements.len(), page.unwrap().events.len()), (1, 2), "near the end, both: {statements:?}");
}

/// Behind a pooler the next statement may go to another server, which has another horizon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_remembers_a_horizon_but_not_behind_a_pooler() {
    let Some(counted) = Counted::new().await else { return };
    appended(&counted.store, "a", 2_000).await;
    for (pooler, wanted) in [(Pooler::None, 1), (Pooler::Transaction, 2)] {
        let options = options(&counted.server.url("postgres")).pooler(pooler).connections(1);
        let store = options.without_notifications().open().await.unwrap();
        let (everything, mut after, mut last) = (Filter::default(), Position::START, Vec::new());
        for _ in 0..3 {
            let read = store.read_all(after, &everything, 300);
            let (statements, page) = counted.statements(read).await;
            let page = page.unwrap();
            assert_eq!(page.events.len(), 300);
            (last, after) = (statements, page.cursor.unwrap().position);
        }
        assert_eq!(last.len(), wanted, "{pooler:?}: {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_two_statements() {
    let Some(counted) = Counted::new().await else { return };
    let accounts = Repository::<Account>::new(counted.store.clone());
    for cents in 1..4 {
        let (statements, committed) =
            counted.statements(accounts.execute("own".to_owned(), Deposit(cents))).await;
        assert_eq!(statements.len(), 2, "a load and an append: {statements:?}");
        assert_eq!(committed.unwrap().version.value(), cents.unsigned_abs());
        assert!(statements[1].starts_with("INSERT "), "without arrays: {statements:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_that_comes_too_late_or_too_early_is_judged_by_a_second_statement() {
    let Some(counted) = Counted::new().await else { return };
    let store = &counted.store;
    let at =
        |version| Append::new(stream("own"), Expected::Exactly(Version::new(version)), vec![event("{}")]);
    let first = at(0);
    let (statements, written) = counted.statements(store.append(first.clone())).await;
    assert_eq!((statements.len(), written.unwrap().version), (1, Version::new(1)), "{statements:?}");
    for version in [0, 2, 7] {
        let (statements, refused) = counted.statements(store.append(at(version))).await;
        assert_eq!(statements.len(), 2, "{statements:?}");
        let Err(AppendError::Conflict(conflict)) = refused else {
            panic!("expected a conflict, found {refused:?}")
        };
        assert_eq!(conflict.found, Version::new(1));
    }
    let again = store.append(first).await.unwrap();
    assert!(again.repeated && again.version == Version::new(1), "{again:?}");
    assert_eq!(store.read(&stream("own"), StreamRange::default()).await.unwrap().events.len(), 1);
}

/// On one thread, so that all calls are queued before any is sent.
#[tokio::test]
async fn appends_at_the_same_time_share_statements() {
    let Some(counted) = Counted::new().await else { return };
    let calls = (0..64).map(|key| counted.store.append(append(&format!("s-{key}"), 1)));
    let (statements, answers) = counted.statements(join_all(calls)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(statements.len() <= 4, "{} statements for 64 appends", statements.len());
}

/// A connection that lets nobody read before it rolls back, so that no call ends where it begins.
async fn locked(counted: &Counted) -> PgConnection {
    let mut other = connect(&counted.server.url("postgres")).await;
    run(&mut other, "BEGIN; LOCK TABLE es.events IN ACCESS EXCLUSIVE MODE").await;
    other
}

#[tokio::test]
async fn loads_at_the_same_time_share_statements() {
    let Some(counted) = Counted::new().await else { return };
    let streams: Vec<_> = (0..64).map(|key| stream(&format!("first-{}", key % 8))).collect();
    let mut other = locked(&counted).await;
    let reads = streams.iter().map(|stream| counted.store.read(stream, StreamRange::default()));
    let mut loads: Vec<_> = reads.map(Box::pin).collect();
    for load in &mut loads {
        assert!(poll!(load).is_pending());
    }
    let (statements, pages) = counted
        .statements(async {
            run(&mut other, "ROLLBACK").await;
            wait::within("all are loaded", join_all(loads)).await
        })
        .await;
    assert!(pages.iter().all(|page| page.as_ref().unwrap().events.len() == 1));
    // With the end of the transaction.
    assert!(statements.len() <= 6, "{} statements for 64 loads: {statements:?}", statements.len());
}

/// Two have begun when the others come, and end without an answer.
#[tokio::test]
async fn what_waits_behind_loads_that_are_dropped_goes_out_together() {
    let Some(counted) = Counted::new().await else { return };
    let stream = stream("first-0");
    let read = || counted.store.read(&stream, StreamRange::default());
    let mut other = locked(&counted).await;
    let mut dropped = vec![Box::pin(read()), Box::pin(read())];
    for load in &mut dropped {
        assert!(poll!(load).is_pending());
    }
    let mut others = pin!(join_all((0..20).map(|_| read())));
    assert!(poll!(&mut others).is_pending());
    let (statements, pages) = counted
        .statements(async {
            drop(dropped);
            run(&mut other, "ROLLBACK").await;
            wait::within("the others are answered", others).await
        })
        .await;
    assert!(pages.iter().all(|page| page.as_ref().unwrap().events.len() == 1));
    assert!(statements.len() <= 6, "{} statements: {statements:?}", statements.len());
}
