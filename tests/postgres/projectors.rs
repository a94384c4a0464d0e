//! Projectors in processes that are killed, stopped and told to end, while others write.

use super::clerk::{Clerk, lines, number};
use super::ground::{Plain, answer, database, log, open, options, until};
use es_core::{CheckpointStore, EventStore, Position, Projector};
use es_postgres::PostgresStore;
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::Database;
use tests::tally::{self, Count};
use tokio::task::JoinHandle;

const KILLS: usize = 20;
const PAUSES: usize = 8;
const STREAMS: u64 = 7;

/// A log that grows, and processes that follow it.
struct Scene {
    database: Database,
    folder: tempfile::TempDir,
    store: PostgresStore,
    is_over: Arc<AtomicBool>,
    writer: JoinHandle<()>,
    clerks: Vec<Clerk>,
}

impl Scene {
    async fn new() -> Option<Self> {
        let database = database().await?;
        let store = open(&options(database.url())).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let writer = tokio::spawn(write(store.clone(), is_over.clone()));
        let folder = tempfile::tempdir().unwrap();
        Some(Self { database, folder, store, is_over, writer, clerks: Vec::new() })
    }

    fn gate(&self, clerk: usize) -> PathBuf {
        self.folder.path().join(format!("gate-{clerk}"))
    }

    fn journal(&self, clerk: usize) -> PathBuf {
        self.folder.path().join(format!("journal-{clerk}"))
    }

    /// A process with the number `clerk`, which is the next or one that has ended; it is ready to be told to end.
    async fn start(&mut self, clerk: usize, lease_ms: u64, batch_events_max: u64) {
        let (journal, gate) = (self.journal(clerk), self.gate(clerk));
        let url = format!("{}?application_name=clerk-{clerk}", self.database.url());
        let mut started = Clerk::project(&url, &journal, &gate, lease_ms, batch_events_max);
        started.until("ready", started.count("ready") + 1).await;
        if clerk == self.clerks.len() {
            self.clerks.push(started);
        } else {
            self.clerks[clerk] = started;
        }
    }

    fn count(&self, word: &str) -> usize {
        self.clerks.iter().map(|clerk| clerk.count(word)).sum()
    }

    /// The process with the latest epoch, and the epoch.
    fn owner(&self) -> Option<(usize, u64)> {
        let latest = |clerk: &Clerk| {
            clerk.lines().iter().filter(|line| line[0] == "granted").map(|line| number(line, 1)).max()
        };
        let epochs = self.clerks.iter().enumerate().filter_map(|(at, clerk)| Some((at, latest(clerk)?)));
        epochs.max_by_key(|(_, epoch)| *epoch)
    }

    /// Stops the writer, lets the processes come to the end of the log, and ends them by SIGTERM.
    async fn end(&mut self) -> Vec<i32> {
        self.is_over.store(true, Ordering::Relaxed);
        answer("the writer", &mut self.writer).await.unwrap();
        let head = self.store.head().await.unwrap().unwrap().position;
        until("the projector has come to the end", async || self.live().await == head).await;
        let mut codes = Vec::new();
        for clerk in &mut self.clerks {
            clerk.signal(Signal::TERM);
            codes.push(clerk.end().await.code().expect("it ended by itself"));
        }
        codes
    }

    async fn live(&self) -> Position {
        let generations = self.store.generations().await.unwrap();
        generations.first().map_or(Position::START, |live| live.position())
    }

    /// Every event of the log was counted once.
    async fn check(&self) -> usize {
        let log = log(&self.store).await;
        let mut wanted: BTreeMap<String, Count> = BTreeMap::new();
        for row in &log {
            let count = wanted.entry(row.stream.to_string()).or_default();
            count.events += 1;
            count.sum += row.number;
        }
        let found = Projector::<Count>::new(self.store.clone()).list(None, 1_000).await.unwrap();
        assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), wanted);
        log.len()
    }

    /// Each move of the checkpoint begins where the one before ended, whoever made it, and each epoch belongs to one
    /// process. Only where nobody was killed between a commit and its line.
    fn check_chain(&self) {
        let mut moves = BTreeMap::new();
        let mut epochs = BTreeSet::new();
        for clerk in 0..self.clerks.len() {
            for line in lines(&self.journal(clerk)) {
                if line[0] == "granted" {
                    assert!(epochs.insert(number(&line, 1)), "epoch {} was granted twice", line[1]);
                }
                if line[0] == "committed" {
                    let (from, to) = (number(&line, 2), number(&line, 3));
                    let before = moves.insert(from, (to, number(&line, 1)));
                    assert_eq!(before, None, "two batches begin at {from}");
                }
            }
        }
        let (mut at, mut epoch) = (0, 0);
        for (from, (to, of)) in moves {
            assert_eq!(from, at, "a batch begins where none ended");
            assert!(of >= epoch, "epoch {of} committed after {epoch}");
            (at, epoch) = (to, of);
        }
    }
}

async fn write(store: PostgresStore, is_over: Arc<AtomicBool>) {
    for number in 1.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let stream = tally::stream(&format!("stream-{}", number % STREAMS));
        store.append(tally::append(&stream, number)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_01_projectors_that_are_killed_20_times_count_every_event_once() {
    let Some(mut scene) = Scene::new().await else { return };
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut plain = Plain::connect(scene.database.url()).await;
    for clerk in 0..2 {
        scene.start(clerk, 100, 10).await;
    }
    for round in 0..KILLS {
        let word = ["committing", "committed"][dice.usize(..2)];
        let more = scene.count(word) + dice.usize(1..8);
        until("batches are committed", async || scene.count(word) >= more).await;
        let (owner, _) = scene.owner().expect("somebody commits");
        if round % 4 == 0 {
            // Not the process, but what it writes with.
            plain.terminate(&format!("application_name = 'clerk-{owner}'")).await;
            continue;
        }
        scene.clerks[owner].kill();
        scene.start(owner, 100, 10).await;
    }
    assert_eq!(scene.end().await, [0, 0]);
    let (events, fenced) = (scene.check().await, scene.count("fenced"));
    println!("{events} events, {} batches, {fenced} fenced", scene.count("committed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_02_of_five_processes_that_are_stopped_longer_than_their_lease_one_writes_at_a_time() {
    let Some(mut scene) = Scene::new().await else { return };
    for clerk in 0..5 {
        scene.start(clerk, 150, 5).await;
    }
    for _ in 0..PAUSES {
        let committed = scene.count("committed");
        until("batches are committed", async || scene.count("committed") >= committed + 3).await;
        let (owner, epoch) = scene.owner().expect("somebody commits");
        scene.clerks[owner].signal(Signal::STOP);
        until("another one has taken over", async || scene.owner().is_some_and(|(_, of)| of > epoch)).await;
        scene.clerks[owner].signal(Signal::CONT);
        let fenced = ["fenced".to_owned(), epoch.to_string()];
        until("the one that was stopped has noticed", async || {
            scene.clerks[owner].lines().iter().any(|line| line.starts_with(&fenced))
        })
        .await;
    }
    assert_eq!(scene.end().await, [0; 5]);
    scene.check_chain();
    let (events, fenced) = (scene.check().await, scene.count("fenced"));
    println!("{events} events, {} epochs, {fenced} fenced", scene.owner().map_or(0, |(_, epoch)| epoch));
    assert!(fenced >= PAUSES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_03_an_owner_that_is_stopped_inside_a_batch_is_fenced_and_writes_nothing() {
    let Some(mut scene) = Scene::new().await else { return };
    std::fs::write(scene.gate(0), "").unwrap();
    scene.start(0, 150, 5).await;
    scene.clerks[0].until("committing", 1).await;
    scene.clerks[0].signal(Signal::STOP);
    let (_, epoch) = scene.owner().expect("it has the lease");
    scene.start(1, 60_000, 5).await;
    scene.clerks[1].until("committed", 3).await;
    std::fs::remove_file(scene.gate(0)).unwrap();
    scene.clerks[0].signal(Signal::CONT);
    scene.clerks[0].until("fenced", 1).await;
    let committed = scene.clerks[1].count("committed");
    scene.clerks[1].until("committed", committed + 5).await;
    assert_eq!(scene.clerks[0].count("committed"), 0);
    let lines = scene.clerks[0].lines();
    assert_eq!(lines.iter().find(|line| line[0] == "fenced").map(|line| number(line, 1)), Some(epoch));
    // A lease that is not over was not taken from its owner.
    assert_eq!(scene.clerks[0].count("granted"), 1);
    assert_eq!(scene.end().await, [0, 0]);
    scene.check_chain();
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_05_of_two_processes_with_the_same_projector_the_second_waits_for_the_first() {
    let Some(mut scene) = Scene::new().await else { return };
    for clerk in 0..2 {
        scene.start(clerk, 60_000, 5).await;
    }
    until("one of them works", async || scene.count("committed") >= 10).await;
    let (first, epoch) = scene.owner().expect("one of them works");
    let second = 1 - first;
    assert_eq!((epoch, scene.clerks[second].count("granted")), (1, 0));
    // It ends in order, so the other one does not wait for the lease to be over.
    scene.clerks[first].signal(Signal::TERM);
    assert_eq!(scene.clerks[first].end().await.code(), Some(0));
    scene.clerks[second].until("committed", 10).await;
    assert_eq!(scene.owner(), Some((second, 2)));
    scene.start(first, 60_000, 5).await;
    assert_eq!(scene.end().await, [0, 0]);
    scene.check_chain();
    scene.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pj_21_a_process_that_is_told_to_end_finishes_its_batch_and_gives_the_lease_back() {
    let Some(mut scene) = Scene::new().await else { return };
    std::fs::write(scene.gate(0), "").unwrap();
    scene.start(0, 60_000, 5).await;
    scene.clerks[0].until("committing", 1).await;
    scene.clerks[0].signal(Signal::TERM);
    std::fs::remove_file(scene.gate(0)).unwrap();
    assert_eq!(scene.clerks[0].end().await.code(), Some(0));
    let words = scene.clerks[0].lines().into_iter().map(|line| line[0].clone());
    let words: Vec<String> = words.filter(|word| word != "renewed").collect();
    assert_eq!(words, ["ready", "granted", "committing", "committed", "released", "ended"]);
    let generations = scene.store.generations().await.unwrap();
    assert_eq!((generations[0].owner(), generations[0].halt()), (None, None));
    // Nobody waits for a lease of a minute.
    let projector = Projector::<Count>::new(scene.store.clone()).with_lease(Duration::from_secs(60));
    answer("catching up", projector.catch_up()).await.unwrap();
    scene.is_over.store(true, Ordering::Relaxed);
    answer("the writer", &mut scene.writer).await.unwrap();
    projector.catch_up().await.unwrap();
    scene.check().await;
}
