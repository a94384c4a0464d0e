//! Processes that are stopped with SIGSTOP, and go on later: those that append, and those of the server.

use super::clerk::Clerk;
use super::ground::{Plain, answer, database, log, open, options, places, private_server, until};
use super::killed;
use es_core::{AppendError, EventStore, StoreError, Subscription};
use rustix::process::{Pid, Signal, kill_process};
use std::time::Duration;
use test_server::Settings;
use tests::tally;

const ROUNDS: usize = 10;
/// Long enough for a server that is well, however busy the machine is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_22_a_process_that_is_stopped_while_it_appends_holds_nobody_up() {
    let Some(database) = database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let [stopped_journal, other_journal] = ["stopped", "other"].map(|name| folder.path().join(name));
    let named = format!("{}?application_name=stopped", database.url());
    let mut stopped = Clerk::append(&named, &stopped_journal, "stopped");
    let mut other = Clerk::append(database.url(), &other_journal, "other");
    other.until("ok", 1).await;
    let mut plain = Plain::connect(database.url()).await;
    let store = open(&options(database.url())).await;
    let mut reader = Subscription::new(store.clone());
    for round in 0..ROUNDS {
        stopped.until("ok", stopped.count("ok") + 5).await;
        stopped.signal(Signal::STOP);
        let (lines, others) = (stopped.lines().len(), other.count("ok"));
        other.until("ok", others + 20).await;
        // What it had sent is done, whether it can take the answer or not, so readers go on too.
        let head = store.head().await.unwrap().unwrap().position;
        answer("reading up to the head", async { while reader.next().await.unwrap().position < head {} })
            .await;
        assert!(stopped.lines().len() <= lines + 1, "it is not stopped");
        if round % 2 == 0 {
            assert!(plain.terminate("application_name = 'stopped'").await > 0);
        }
        stopped.signal(Signal::CONT);
    }
    stopped.until("ok", stopped.count("ok") + 5).await;
    stopped.kill();
    other.kill();
    until("nothing is under way", async || plain.others("state <> 'idle'").await == 0).await;
    let places = places(&log(&store).await);
    let unknown = stopped.count("unknown");
    for (writer, journal) in [("stopped", &stopped_journal), ("other", &other_journal)] {
        let [acked, in_doubt, there] = killed::check(writer, journal, &places);
        println!("{writer}: {acked} acknowledged, {in_doubt} in doubt, {there} of these stored");
    }
    println!("{unknown} unknown outcomes of the one that was stopped");
    assert!(unknown > 0 && other.count("unknown") == 0);
}

/// Sends a signal to processes of a server.
fn signal(pids: &[i64], signal: Signal) {
    for pid in pids {
        let pid = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        kill_process(pid, signal).expect("the server runs for us");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_23_a_server_that_is_stopped_is_given_up_within_the_time_outs_and_is_well_afterwards() {
    let Some(server) = private_server(Settings::new().with("max_connections", "50")) else { return };
    let options = options(&server.url("postgres"))
        .lanes(1)
        .connections(1)
        .connect_timeout(CONNECT_TIMEOUT)
        .statement_timeout(STATEMENT_TIMEOUT)
        .without_notifications();
    let store = open(&options).await;
    let stream = tally::stream("stopped");
    store.append(tally::append(&stream, 1)).await.unwrap();
    let mut plain = Plain::connect(&server.url("postgres")).await;

    // Its processes for our connections.
    let ours = plain.pids("application_name = 'es-postgres'").await;
    assert_eq!(ours.len(), 2, "one lane and one connection");
    signal(&ours, Signal::STOP);
    let (lost, head) = tokio::join!(
        answer("an append", store.append(tally::append(&stream, 2))),
        answer("a read", store.head())
    );
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))), "{lost:?}");
    assert!(matches!(head, Err(StoreError::Unavailable { .. })), "{head:?}");
    // New connections are served by others.
    assert!(!store.append(tally::append(&stream, 2)).await.unwrap().repeated);
    signal(&ours, Signal::CONT);
    until("they have ended", async || {
        plain.pids("application_name = 'es-postgres'").await.iter().all(|pid| !ours.contains(pid))
    })
    .await;

    // The whole server, which now answers nobody.
    let all = [plain.pids("true").await, vec![i64::from(server.postmaster_pid())]].concat();
    signal(&all, Signal::STOP);
    let lost = answer("an append", store.append(tally::append(&stream, 3))).await;
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))), "{lost:?}");
    let refused = answer("an append", store.append(tally::append(&stream, 4))).await;
    assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable { .. }))), "{refused:?}");
    let opened = answer("opening", options.clone().open()).await;
    assert!(matches!(opened, Err(StoreError::Unavailable { .. })), "{opened:?}");
    signal(&all, Signal::CONT);

    for number in [3, 4] {
        answer("appending again", async {
            while let Err(error) = store.append(tally::append(&stream, number)).await {
                let AppendError::Store(error) = error else { panic!("{error:?}") };
                assert!(error.is_transient(), "{error:?}");
            }
        })
        .await;
    }
    answer("reading again", async { while store.head().await.is_err() {} }).await;
    assert_eq!(places(&log(&store).await).len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_23_an_append_that_is_stopped_inside_the_server_has_one_effect() {
    let Some(server) = private_server(Settings::new().with("max_connections", "50")) else { return };
    let options = options(&server.url("postgres")).lanes(1).without_notifications();
    let store = open(&options.statement_timeout(STATEMENT_TIMEOUT)).await;
    let stream = tally::stream("stopped");
    store.append(tally::append(&stream, 1)).await.unwrap();
    let mut plain = Plain::connect(&server.url("postgres")).await;
    // Another transaction has the same event id, so the statement stops at the unique key, with its own lock taken.
    plain.run("BEGIN").await;
    store.append_in(&mut plain.0, vec![tally::append(&stream, 2)]).await.unwrap();
    let under_way = tokio::spawn({
        let (store, append) = (store.clone(), tally::append(&stream, 2));
        async move { store.append(append).await }
    });
    let mut waiting = Vec::new();
    until("the append waits in the server", async || {
        waiting = plain.pids("wait_event_type = 'Lock'").await;
        !waiting.is_empty()
    })
    .await;
    signal(&waiting, Signal::STOP);
    plain.run("ROLLBACK").await;
    let lost = answer("an append", under_way).await.unwrap();
    assert!(matches!(lost, Err(AppendError::Store(StoreError::OutcomeUnknown { .. }))), "{lost:?}");
    // It holds readers back as long as it is stopped, since nobody knows whether it will commit.
    let blockers = store.blockers().await.unwrap();
    assert_eq!(blockers.iter().filter_map(|blocker| blocker.pid).map(i64::from).collect::<Vec<_>>(), waiting);
    signal(&waiting, Signal::CONT);
    until("it has ended", async || plain.pids("true").await.iter().all(|pid| !waiting.contains(pid))).await;
    let again = store.append(tally::append(&stream, 2)).await.unwrap();
    println!("the append that was stopped inside the server was stored: {}", again.repeated);
    assert_eq!(places(&log(&store).await).len(), 2);
}
