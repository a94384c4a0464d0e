//! The program over a real socket, on the memory store: what a client is told in each case.

use super::*;
use axum::extract::Request;
use axum::middleware::map_request;
use es_core::testing::{Given, NumberedIds};
use es_core::{CommandId, EventStore, IdSource, Retry, StreamId, StreamRange};
use es_memory::MemoryStore;
use serde_json::{Value, json};
use std::future::ready;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// An answer, its headers as they were sent.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }

    /// The status of a problem, and whether it is told to come back.
    fn problem(&self) -> (u16, bool) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        (self.status, self.header("retry-after").is_some())
    }
}

/// The program, served for one test.
#[derive(Clone)]
struct Client {
    address: SocketAddr,
    store: MemoryStore,
    app: App,
    /// How many requests have come.
    requests: watch::Sender<u32>,
    _served: Arc<AbortOnDropHandle<()>>,
}

impl Client {
    async fn new() -> Self {
        Self::with(PATIENCE, |accounts| accounts).await
    }

    async fn with(
        patience: Duration,
        settings: impl FnOnce(Repository<Account>) -> Repository<Account>,
    ) -> Self {
        let store = MemoryStore::default();
        let app = App::new(store.clone()).aggregate::<Account>().projection::<Statement>();
        let accounts = settings(Repository::new(store.clone()));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let requests = watch::Sender::new(0);
        let counted = requests.clone();
        let count = move |request: Request| {
            counted.send_modify(|requests| *requests += 1);
            ready(request)
        };
        let routes = routes(Bank { app: app.clone(), accounts, patience }).layer(map_request(count));
        let served = tokio::spawn(async move { axum::serve(socket, routes).await.unwrap() });
        Self { address, store, app, requests, _served: Arc::new(AbortOnDropHandle::new(served)) }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bank\r\nConnection: close\r\nContent-Length: {length}\r\n{extra}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect(&text);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect(head).parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.filter(|(name, _)| *name != "date");
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Answer { status, headers, body: serde_json::from_str(body).unwrap_or_default() }
    }

    async fn post(&self, id: Id<Account>, command: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        self.send("POST", &format!("/accounts/{id}/{command}"), headers, &body.to_string()).await
    }

    async fn get(&self, id: Id<Account>, what: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", &format!("/accounts/{id}{what}"), headers, "").await
    }

    async fn opened(&self) -> Id<Account> {
        let id = Id::new();
        let answer = self.post(id, "open", json!({ "owner": "Ada" }), &[]).await;
        assert_eq!((answer.status, answer.header("etag")), (200, Some("\"1\"")), "{answer:?}");
        id
    }

    /// A deposit, sent by another task.
    fn deposits(&self, id: Id<Account>) -> JoinHandle<Answer> {
        let client = self.clone();
        tokio::spawn(async move { client.post(id, "deposit", json!({ "cents": 5 }), &[]).await })
    }

    async fn events(&self, id: Id<Account>) -> usize {
        let stream = StreamId::of::<Account>(&id).unwrap();
        self.store.read(&stream, StreamRange::default()).await.unwrap().events.len()
    }
}

#[tokio::test]
async fn a_command_is_answered_with_the_state_and_its_version() {
    let client = Client::new().await;
    let id = client.opened().await;
    let answer = client.post(id, "deposit", json!({ "cents": 500 }), &[("If-Match", "\"1\"")]).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")), "{answer:?}");
    assert_eq!(answer.body, json!({ "id": id, "owner": "Ada", "cents": 500 }));
    assert_eq!(client.get(id, "", &[]).await, answer, "reading it says the same");
}

#[tokio::test]
async fn a_command_that_was_decided_on_another_version_is_refused() {
    let client = Client::new().await;
    let id = client.opened().await;
    client.post(id, "deposit", json!({ "cents": 500 }), &[]).await;
    let late = client.post(id, "withdraw", json!({ "cents": 500 }), &[("If-Match", "\"1\"")]).await;
    assert_eq!(late.problem(), (412, false));
    assert!(
        late.body["detail"].as_str().unwrap().contains("is at version 2, expected version 1"),
        "{late:?}"
    );
    assert_eq!(client.events(id).await, 2);
    let again = client.post(id, "withdraw", json!({ "cents": 500 }), &[("If-Match", "\"2\"")]).await;
    assert_eq!((again.status, again.header("etag")), (200, Some("\"3\"")));
}

#[tokio::test]
async fn one_idempotency_key_has_one_effect_and_one_answer() {
    let client = Client::new().await;
    let id = client.opened().await;
    let key = ("Idempotency-Key", "order 17");
    let first = client.post(id, "deposit", json!({ "cents": 500 }), &[key]).await;
    client.post(id, "withdraw", json!({ "cents": 100 }), &[]).await;
    let mut again = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        // The version that it was decided on has passed, too: it was carried out then.
        let headers = [key, ("If-Match", "\"1\"")];
        again.spawn(async move { client.post(id, "deposit", json!({ "cents": 500 }), &headers).await });
    }
    for answer in again.join_all().await {
        assert_eq!(answer, first);
    }
    assert_eq!((client.events(id).await, first.status), (3, 200));

    let other = client.opened().await;
    let taken = client.post(other, "deposit", json!({ "cents": 500 }), &[key]).await;
    assert_eq!(taken.problem(), (422, false));
    assert_eq!(client.events(other).await, 1);
}

#[tokio::test]
async fn requests_with_one_idempotency_key_at_once_have_one_effect() {
    let client = Client::new().await;
    let id = client.opened().await;
    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        let key = [("Idempotency-Key", "order 17")];
        racers.spawn(async move { client.post(id, "deposit", json!({ "cents": 5 }), &key).await });
    }
    for answer in racers.join_all().await {
        assert_eq!((answer.status, &answer.body["cents"]), (200, &json!(5)), "{answer:?}");
    }
    assert_eq!(client.events(id).await, 2);
}

#[tokio::test]
async fn what_a_rule_refuses_and_what_is_not_there_and_what_is_nonsense_differ() {
    let client = Client::new().await;
    let id = client.opened().await;
    let rule = client.post(id, "withdraw", json!({ "cents": 1 }), &[]).await;
    assert_eq!(rule.problem(), (422, false));
    assert_eq!(rule.body["detail"], "only 0 cents are available");
    let unknown = Id::new();
    for answer in [
        client.post(unknown, "deposit", json!({ "cents": 1 }), &[]).await,
        client.get(unknown, "", &[]).await,
        client.get(unknown, "/statement", &[]).await,
        client.send("GET", "/accounts/ada", &[], "").await,
    ] {
        assert_eq!(answer.problem(), (404, false));
    }
    for (headers, body) in [
        (("If-Match", "1"), json!({ "cents": 1 })),
        (("X-Request-Id", "17"), json!({ "cents": 1 })),
        (("Idempotency-Key", ""), json!({ "cents": 1 })),
        (("Read-After", "soon"), json!({ "cents": 1 })),
        (("Accept", "*/*"), json!({ "cents": -1 })),
        (("Accept", "*/*"), json!({ "cents": 1, "currency": "EUR" })),
    ] {
        let answer = client.post(id, "deposit", body, &[headers]).await;
        assert_eq!(answer.problem(), (400, false), "{headers:?}");
    }
    assert_eq!(client.events(id).await, 1);
}

#[tokio::test]
async fn a_command_that_is_too_large_to_record_is_refused() {
    let client = Client::new().await;
    let owner = "a".repeat(es_core::Limits::default().event_bytes_max() + 1);
    let answer = client.post(Id::new(), "open", json!({ "owner": owner }), &[]).await;
    assert_eq!(answer.problem(), (413, false));
}

/// Event ids are drawn when a command has been decided, which tells that it is between its load and its append.
struct Decided(NumberedIds, watch::Sender<u32>);

impl IdSource for Decided {
    fn next(&self) -> Uuid {
        self.1.send_modify(|drawn| *drawn += 1);
        self.0.next()
    }
}

#[tokio::test]
async fn who_loses_every_race_is_told_to_come_back() {
    let drawn = watch::Sender::new(0);
    let ids = Decided(NumberedIds::default(), drawn.clone());
    let once = |accounts: Repository<Account>| accounts.with_ids(ids).with_retry(Retry::never());
    let client = Client::with(PATIENCE, once).await;
    let id = client.opened().await;
    let held = client.store.hold_next_append();
    let first = client.deposits(id);
    held.under_way().await;
    let second = client.deposits(id);
    drawn.subscribe().wait_for(|drawn| *drawn == 3).await.unwrap();
    held.release();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(second.await.unwrap().problem(), (409, true));
    assert_eq!(client.events(id).await, 2);
}

#[tokio::test]
async fn where_the_store_is_gone_the_client_is_told_to_come_back() {
    let client = Client::with(PATIENCE, |accounts| accounts.with_retry(Retry::never())).await;
    let id = client.opened().await;
    let held = client.store.hold_next_append();
    let deposit = client.deposits(id);
    held.under_way().await;
    held.roll_back();
    assert_eq!(deposit.await.unwrap().problem(), (503, true));
    assert_eq!(client.events(id).await, 1);
}

#[tokio::test]
async fn who_has_written_reads_the_write_or_is_told_how_far_it_is() {
    let client = Client::with(Duration::ZERO, |accounts| accounts).await;
    let id = client.opened().await;
    client.app.catch_up().await.unwrap();
    client.post(id, "deposit", json!({ "cents": 500 }), &[]).await;
    let written = client.post(id, "withdraw", json!({ "cents": 200 }), &[]).await;
    let after = [("Read-After", written.header("read-after").unwrap())];
    let behind = client.get(id, "/statement", &after).await;
    assert_eq!((behind.problem(), &behind.body["lag"]), ((503, true), &json!(2)), "{behind:?}");
    let whenever = client.get(id, "/statement", &[]).await;
    assert_eq!((whenever.status, &whenever.body["movements"]), (200, &json!(0)), "without it nobody waits");

    client.app.catch_up().await.unwrap();
    let there = client.get(id, "/statement", &after).await;
    assert_eq!(there.status, 200);
    assert_eq!(there.body, json!({ "movements": 2, "deposited": 500, "withdrawn": 200 }));
}

#[tokio::test]
async fn who_reads_the_write_too_early_waits_for_it() {
    let client = Client::with(Duration::from_secs(60), |accounts| accounts).await;
    let id = client.opened().await;
    let written = client.post(id, "deposit", json!({ "cents": 500 }), &[]).await;
    let after = written.header("read-after").unwrap();
    let shutdown = CancellationToken::new();
    let read = async {
        let read = client.get(id, "/statement", &[("Read-After", after)]).await;
        shutdown.cancel();
        read
    };
    let run = async {
        // On one thread, whoever has taken a request goes on with it until it waits: here for the read model.
        client.requests.subscribe().wait_for(|requests| *requests == 3).await.unwrap();
        client.app.run(shutdown.clone()).await
    };
    let (read, ran) = tokio::join!(read, run);
    ran.unwrap();
    assert_eq!((read.status, &read.body["deposited"]), (200, &json!(500)), "{read:?}");
}

#[tokio::test]
async fn what_a_request_says_about_itself_is_recorded_with_its_events() {
    let client = Client::new().await;
    let (id, request) = (Id::new(), Uuid::from_u128(17));
    let about = [("Idempotency-Key", "k"), ("X-Request-Id", &*request.to_string()), ("traceparent", TRACE)];
    client.post(id, "open", json!({ "owner": "Ada" }), &about).await;
    let nonsense = [("traceparent", "nonsense")];
    assert_eq!(client.post(id, "deposit", json!({ "cents": 1 }), &nonsense).await.status, 200);

    let stream = StreamId::of::<Account>(&id).unwrap();
    let events = client.store.read(&stream, StreamRange::default()).await.unwrap().events;
    let [opened, deposited] = &events[..] else { panic!("{} events", events.len()) };
    assert_eq!(opened.metadata.command_id, Some(CommandId::new("k").unwrap()));
    assert_eq!(opened.metadata.correlation_id, Some(request));
    assert_eq!(opened.metadata.traceparent, Some(TRACE.parse().unwrap()));
    assert_eq!(deposited.metadata.traceparent, None, "a trace that cannot be read begins anew");
}

#[test]
fn an_account_holds_no_more_than_it_may() {
    use account::{AccountError, AccountEvent, CENTS_MAX};
    Account::given([
        AccountEvent::Opened { owner: "Ada".into() },
        AccountEvent::Deposited { cents: CENTS_MAX - 1 },
    ])
    .when(Deposit { cents: 2 })
    .then_rejected(AccountError::TooMuch);
}
