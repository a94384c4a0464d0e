//! What people do with projections while the application runs: pause them, resume them after a pause or a halt.

use super::checkpoints::{acquire, assert_fenced, commit, generations_of, lease, ten_rows, write};
use super::projector::live;
use crate::fixtures::{AccountEvent, Balances, deposits, projection, recorded, store};
use crate::{Layer, Layered, Subject, wait};
use async_trait::async_trait;
use es_core::{
    AnyProjector, App, CheckpointStore, Commit, Cursor, EventStore, Fate, Filter, GenerationState, Grant,
    KeyError, LogPage, Payload, Position, Projection, ProjectorError, Recorded, Stall, Store, StoreError,
    Target, ViewStore,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use GenerationState::{Building, Live};

const LONG: Duration = Duration::from_secs(60);

/// What is known of owners whose name begins with a `?`: whether the program has learned to read it, and how often it
/// tried. Each case has a name of its own.
static PUZZLES: Mutex<BTreeMap<String, (bool, u32)>> = Mutex::new(BTreeMap::new());

fn puzzle<T>(name: &str, look: impl FnOnce(&mut (bool, u32)) -> T) -> T {
    let mut puzzles = PUZZLES.lock().unwrap_or_else(PoisonError::into_inner);
    look(puzzles.entry(name.to_owned()).or_default())
}

/// Counts the accounts of every owner; one with a puzzling name has no key before that was learned.
#[derive(Default, Serialize, Deserialize)]
struct Openings(u64);

impl Projection for Openings {
    const NAME: &'static str = "openings";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let AccountEvent::Opened { owner } = &event.data else { return Ok(None) };
        let is_readable = !owner.starts_with('?')
            || puzzle(owner, |(learned, tried)| {
                *tried += 1;
                *learned
            });
        if is_readable { Ok(Some(owner.clone())) } else { Err(KeyError::new("the owner is a puzzle")) }
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

/// An application at work.
struct Working {
    app: App,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ProjectorError>>,
}

impl Working {
    fn on(store: &Arc<dyn Store>) -> Self {
        let app = App::new(store.clone()).projection::<Openings>().projection::<Balances>();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let (app, shutdown) = (app.clone(), shutdown.clone());
            async move { app.run(shutdown).await }
        });
        Self { app, shutdown, task }
    }

    async fn end(self) -> Result<(), ProjectorError> {
        self.shutdown.cancel();
        wait::within("an orderly end", self.task).await.unwrap()
    }
}

/// Opens an account whose owner nobody can read yet; gives the name and the position.
async fn open_puzzle(store: &Arc<dyn Store>) -> (String, Position) {
    let owner = format!("?{}", Uuid::now_v7());
    let answer = recorded(store, "puzzle", [AccountEvent::Opened { owner: owner.clone() }]).await;
    (owner, answer.position)
}

async fn halts(store: &Arc<dyn Store>, position: Position) {
    let id = projection("openings");
    let halted = async || {
        let found = generations_of(store, &id).await.into_iter().next().and_then(|live| live.halt().cloned());
        found.is_some_and(|halt| halt.position == position)
    };
    wait::until("it halts", halted).await;
}

async fn tried(owner: &str, times: u32) {
    wait::until("it is tried", async || puzzle(owner, |(_, tried)| *tried) >= times).await;
}

pub async fn a_pause_ends_the_grant_and_lets_nobody_have_another(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("paused");
    assert!(!store.pause(&id).await.unwrap() && !store.resume(&id).await.unwrap(), "nobody has ever run it");
    let mut owner = acquire(&store, &id, Live).await;
    commit(&store, &mut owner, rows[0], vec![write("k", "1")]).await.unwrap();
    for _ in 0..2 {
        assert!(store.pause(&id).await.unwrap());
        let paused = generations_of(&store, &id).await.remove(0);
        assert_eq!((paused.paused, paused.owner(), paused.cursor()), (true, None, Some(rows[0])));
        assert_fenced(commit(&store, &mut owner.clone(), rows[1], vec![write("k", "2")]).await);
        assert_eq!(store.acquire(&id, lease(Live)).await.unwrap(), None);
        assert_eq!(store.acquire(&id, owner.lease).await.unwrap(), None, "also not who had it");
    }
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("1"), "it is read as before");
    // A rebuild is another matter, and what it puts in the place is paused too.
    let mut built = acquire(&store, &id, Building).await;
    commit(&store, &mut built, rows[2], vec![write("k", "3")]).await.unwrap();
    store.swap(&built).await.unwrap();
    let swapped = generations_of(&store, &id).await.remove(0);
    assert_eq!((swapped.state, swapped.paused, swapped.cursor()), (Live, true, Some(rows[2])));
    assert_eq!(store.acquire(&id, lease(Live)).await.unwrap(), None);
    assert!(store.resume(&id).await.unwrap());
    assert!(!generations_of(&store, &id).await[0].paused);
    let mut owner = acquire(&store, &id, Live).await;
    commit(&store, &mut owner, rows[3], vec![write("k", "4")]).await.unwrap();
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("4"));
}

pub async fn a_paused_projection_stands_still_until_it_is_resumed(subject: &dyn Subject) {
    let store = store(subject).await;
    let working = Working::on(&store);
    let before = deposits(&store, "a", 1).await.position;
    working.app.wait_for::<Balances>(before, LONG).await.unwrap();
    let id = projection("balances");
    assert!(store.pause(&id).await.unwrap());
    let after = deposits(&store, "a", 1).await.position;
    working.app.wait_for::<Openings>(after, LONG).await.expect("others go on");
    match working.app.wait_for::<Balances>(after, Duration::from_millis(20)).await {
        Err(ProjectorError::Behind { found, wanted, why: Stall::Paused, .. }) => {
            assert_eq!((found, wanted), (before, after));
        }
        other => panic!("expected that it is paused, found {other:?}"),
    }
    let caught_up = working.app.catch_up().await;
    assert!(matches!(&caught_up, Err(ProjectorError::Paused(paused)) if *paused == id), "{caught_up:?}");
    assert!(store.resume(&id).await.unwrap());
    working.app.wait_for::<Balances>(after, LONG).await.unwrap();
    working.end().await.unwrap();
}

pub async fn a_projection_that_halted_goes_on_when_it_is_resumed(subject: &dyn Subject) {
    let store = store(subject).await;
    let working = Working::on(&store);
    let (owner, poison) = open_puzzle(&store).await;
    halts(&store, poison).await;
    let after = deposits(&store, "a", 1).await.position;
    working.app.wait_for::<Balances>(after, LONG).await.expect("others go on");
    match working.app.wait_for::<Openings>(after, Duration::ZERO).await {
        Err(ProjectorError::Behind { why: Stall::Halted(halt), .. }) => {
            assert!(halt.position == poison && halt.cause.contains("the owner is a puzzle"), "{halt:?}");
        }
        other => panic!("expected that it has halted, found {other:?}"),
    }
    let id = projection("openings");
    for round in 1..=2 {
        assert!(store.resume(&id).await.unwrap());
        tried(&owner, 1 + round).await;
        halts(&store, poison).await;
        assert!(live(&store, "openings").await.position() < poison, "round {round}");
    }
    puzzle(&owner, |(learned, _)| *learned = true);
    assert!(store.resume(&id).await.unwrap());
    working.app.wait_for::<Openings>(after, LONG).await.unwrap();
    assert_eq!(store.view(&id, &owner).await.unwrap().as_deref(), Some("1"));
    assert_eq!(live(&store, "openings").await.halt(), None);
    working.end().await.unwrap();
}

pub async fn a_halt_is_tried_once_by_each_process_and_then_left_to_a_person(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = [Working::on(&store), Working::on(&store)];
    let (owner, poison) = open_puzzle(&store).await;
    tried(&owner, 2).await;
    let late = Working::on(&store);
    tried(&owner, 3).await;
    halts(&store, poison).await;
    // Long enough for each to try a few times more, if it did not know better.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(puzzle(&owner, |(_, tried)| *tried), 3);
    for working in first.into_iter().chain([late]) {
        let ended = working.end().await;
        assert!(matches!(ended, Err(ProjectorError::NoKey { .. })), "the end says what is halted: {ended:?}");
    }
}

/// What the program is after it has learned to read everything.
#[derive(Default, Serialize, Deserialize)]
struct Learned(u64);

impl Projection for Learned {
    const NAME: &'static str = Openings::NAME;
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        let AccountEvent::Opened { owner } = &event.data else { return Ok(None) };
        Ok(Some(owner.clone()))
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

pub async fn a_process_that_knows_better_goes_on_where_another_has_halted(subject: &dyn Subject) {
    let store = store(subject).await;
    let old = Working::on(&store);
    let before = deposits(&store, "a", 1).await.position;
    old.app.wait_for::<Openings>(before, LONG).await.unwrap();
    // It stands by, for the old one has the lease.
    let (new, shutdown) = (App::new(store.clone()).projection::<Learned>(), CancellationToken::new());
    let standby = tokio::spawn({
        let (new, shutdown) = (new.clone(), shutdown.clone());
        async move { new.run(shutdown).await }
    });
    let (owner, poison) = open_puzzle(&store).await;
    new.wait_for::<Learned>(poison, LONG).await.unwrap();
    assert_eq!(store.view(&projection("openings"), &owner).await.unwrap().as_deref(), Some("1"));
    // The old one is there again should the new one go.
    shutdown.cancel();
    wait::within("an orderly end", standby).await.unwrap().unwrap();
    let after = deposits(&store, "a", 1).await.position;
    old.app.wait_for::<Openings>(after, LONG).await.unwrap();
    old.end().await.unwrap();
}

pub async fn followers_at_the_end_of_the_log_share_one_reader(subject: &dyn Subject) {
    const FOLLOWERS: usize = 8;
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    let reads = Arc::<Mutex<Vec<Position>>>::default();
    let counted: Arc<dyn Store> =
        Arc::new(Layered(FoundAfter { below: store.clone(), reads: reads.clone() }));
    let app = App::new(counted);
    let followers: Vec<_> = (0..FOLLOWERS)
        .map(|number| {
            let id = projection(&format!("follower_{number}"));
            let store = app.store().clone();
            AnyProjector::new(store, id, |store| Box::new(Nothing(store, Filter::default())))
        })
        .collect();
    let app = followers.iter().cloned().fold(app, App::projector);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move { app.run(shutdown).await }
    });
    let mut before = store.head().await.unwrap().unwrap().position;
    for round in 0..20 {
        for follower in &followers {
            follower.wait_for(before, LONG).await.unwrap();
        }
        reads.lock().unwrap_or_else(PoisonError::into_inner).clear();
        deposits(&store, "a", 1).await;
        let last = store.head().await.unwrap().unwrap().position;
        for follower in &followers {
            follower.wait_for(last, LONG).await.unwrap();
        }
        let found = std::mem::take(&mut *reads.lock().unwrap_or_else(PoisonError::into_inner));
        let found = found.iter().filter(|after| **after == before).count();
        assert!((1..=FOLLOWERS / 2).contains(&found), "round {round}: {found} reads found the same event");
        before = last;
    }
    shutdown.cancel();
    wait::within("an orderly end", running).await.unwrap().unwrap();
}

/// Keeps behind which positions something was found.
struct FoundAfter {
    below: Arc<dyn Store>,
    reads: Arc<Mutex<Vec<Position>>>,
}

#[async_trait]
impl Layer for FoundAfter {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let page = self.below.read_all(after, filter, limit).await?;
        if page.cursor.is_some() {
            self.reads.lock().unwrap_or_else(PoisonError::into_inner).push(after);
        }
        Ok(page)
    }
}

/// A target that only moves its checkpoint.
struct Nothing(Arc<dyn Store>, Filter);

#[async_trait]
impl Target for Nothing {
    fn store(&self) -> &Arc<dyn Store> {
        &self.0
    }

    fn filter(&self) -> &Filter {
        &self.1
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        _: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let moved = self.0.commit(Commit::new(grant.clone(), Some(to))).await;
        moved.map_err(|error| ProjectorError::commit(&grant.projection, error))
    }
}
