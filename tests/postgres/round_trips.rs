//! How many statements a call takes, counted in the server's own log.

use super::scene::{append, appended, options, private_server, stream};
use es_core::{Aggregate, Apply, Event, EventStore, Filter, Handle, Position, Repository, StreamRange};
use es_postgres::PostgresStore;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use test_server::{Server, Settings};

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
    }
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
