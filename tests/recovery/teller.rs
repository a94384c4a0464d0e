//! `run`: the background work as a process, told to end in every way, and asked after its health.

use es_core::{EventStore, Projector, StreamRange, ViewStore};
use es_sqlite::SqliteStore;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use tempfile::TempDir;
use tests::tally::{self, Count};
use tests::wait;

/// The process, and the store that it works on.
struct Teller {
    process: Child,
    said: BufReader<ChildStderr>,
    address: String,
}

struct Shop {
    folder: TempDir,
    store: SqliteStore,
}

impl Shop {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("teller.db")).await.unwrap();
        Self { folder, store }
    }

    async fn wrote(&self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.store.append(tally::append(&tally::stream("one"), number)).await.unwrap();
        }
    }

    fn run(&self, arguments: &[&str]) -> Teller {
        let mut command = Command::new(env!("CARGO_BIN_EXE_teller"));
        command.current_dir(self.folder.path()).env_remove("ES_STORE_URL").env_remove("DATABASE_URL");
        command.args(["run", "--listen", "127.0.0.1:0"]).args(arguments);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap());
        let listening = line(&mut said);
        let address = listening.strip_prefix("listening on http://").expect(&listening).to_owned();
        assert_eq!(line(&mut said), "running 3 read models and 0 reactors; Ctrl-C or SIGTERM ends it");
        Teller { process, said, address }
    }

    /// Waits until the read model has everything.
    async fn is_counted(&self) {
        let events = self.store.read(&tally::stream("one"), StreamRange::default()).await.unwrap().events;
        let last = events.last().unwrap().position;
        Projector::<Count>::new(self.store.clone())
            .wait_for(last, std::time::Duration::from_secs(60))
            .await
            .unwrap();
        let view = self.view("count").await.unwrap();
        assert!(view.starts_with(&format!(r#"{{"events":{},"#, events.len())), "{view}");
    }

    async fn view(&self, projection: &str) -> Option<String> {
        let projection = es_core::ProjectionId::new(projection, 1).unwrap();
        self.store.view(&projection, "tally-one").await.unwrap()
    }

    async fn owners(&self) -> usize {
        let generations = es_core::CheckpointStore::generations(&self.store).await.unwrap();
        generations.iter().filter(|generation| generation.owner.is_some()).count()
    }
}

impl Teller {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        let status = head.split(' ').nth(1).expect(head).parse().expect(head);
        (status, body.to_owned())
    }

    async fn answers(&self, path: &str, status: u16) -> String {
        let what = format!("{path} answers {status}");
        wait::until(&what, async || self.get(path).0 == status).await;
        self.get(path).1
    }

    /// How it ended, and what it said since it ran.
    fn ended(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap(), rest)
    }
}

fn line(said: &mut impl BufRead) -> String {
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_21_sigterm_ends_the_work_in_order_and_gives_the_leases_back() {
    let shop = Shop::new().await;
    shop.wrote(0..10).await;
    for (round, signal) in [Signal::TERM, Signal::INT].into_iter().enumerate() {
        let teller = shop.run(&[]);
        shop.is_counted().await;
        let ready = teller.answers("/health/ready", 200).await;
        assert!(ready.contains(r#""ready":true"#) && ready.contains(r#""state":"running""#), "{ready}");
        shop.wrote([20 + round as u64]).await;
        shop.is_counted().await;
        assert_eq!(teller.get("/health/live"), (200, "alive\n".into()));
        assert_eq!(teller.get("/elsewhere").0, 404);
        teller.signal(signal);
        let (status, said) = teller.ended();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(
            said.contains("finishing what is under way, for at most 10 s") && said.ends_with("finished\n"),
            "{said}"
        );
        assert_eq!(shop.owners().await, 0, "the next one need not wait");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halt_makes_it_not_ready_but_no_failure() {
    let shop = Shop::new().await;
    shop.wrote([1, 13, 2]).await;
    let teller = shop.run(&[]);
    shop.is_counted().await;
    let problems = teller.answers("/health/ready", 503).await;
    assert!(problems.contains("picky v1 has halted at position 2"), "{problems}");
    assert!(
        problems.contains(r#""ready":false"#) && problems.contains("the number is unlucky"),
        "{problems}"
    );
    assert_eq!(teller.get("/health/live").0, 200);
    teller.signal(Signal::TERM);
    let (status, said) = teller.ended();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("unlucky") && said.contains("what had halted is tried again"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_21_a_batch_that_is_not_finished_in_time_is_cut_off_and_done_again() {
    for (arguments, signals, code, why) in [
        (["--drain", "1"], 1, 1, "had not finished after 1 s"),
        (["--drain", "600"], 2, 130, "it was cut off"),
    ] {
        let shop = Shop::new().await;
        shop.wrote((0..5).chain([1_000])).await;
        let mut teller = shop.run(&arguments);
        shop.is_counted().await;
        wait::until("the slow one is at work", async || shop.folder.path().join("heavy").exists()).await;
        teller.signal(Signal::TERM);
        assert!(line(&mut teller.said).starts_with("finishing"));
        if signals == 2 {
            let ending = teller.answers("/health/ready", 503).await;
            assert!(ending.contains("it is ending"), "{ending}");
            teller.signal(Signal::TERM);
        }
        let (status, said) = teller.ended();
        assert_eq!(status.code(), Some(code), "{said}");
        assert!(said.contains(why) && said.contains("rolled back"), "{said}");
        assert_eq!(shop.view("slow").await, None, "nothing of its batch was written");
    }
}

#[test]
fn an_address_that_is_taken_is_told_before_anything_begins() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_teller"));
    let ran = command.current_dir(folder.path()).args(["run", "--listen", &address]).output().unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")) && said.contains("--listen"), "{said}");
}
