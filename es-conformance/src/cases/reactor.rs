//! Side effects: every event once where nothing fails, in order, and after a failure again.

use super::checkpoints::generations_of;
use crate::fixtures::{AccountEvent, deposits, projection, store, whole_log};
use crate::{Subject, wait};
use es_core::{
    App, CheckpointStore, DeadLetterStore, OnFailure, Position, ProjectorError, ReactError, Reactor,
    Recorded, Retried, StartFrom, Store,
};
use futures::future::{BoxFuture, FutureExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

type Act = dyn Fn(Position) -> BoxFuture<'static, Result<(), ReactError>> + Send + Sync;

/// What was done so far, shared by all processes of a case.
#[derive(Clone)]
struct Effects {
    begun: Arc<Mutex<Vec<Position>>>,
    done: Arc<Mutex<Vec<Position>>>,
    act: Arc<Act>,
}

impl Effects {
    fn new() -> Self {
        Self::with(|_| async { Ok(()) }.boxed())
    }

    fn with(
        act: impl Fn(Position) -> BoxFuture<'static, Result<(), ReactError>> + Send + Sync + 'static,
    ) -> Self {
        Self { begun: Arc::default(), done: Arc::default(), act: Arc::new(act) }
    }

    fn begun(&self) -> Vec<Position> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn done(&self) -> Vec<Position> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reaches(&self, wanted: &[Position]) {
        wait::until("the reactor gets there", async || self.done().len() >= wanted.len()).await;
        assert_eq!(self.done(), wanted);
    }
}

struct Teller(Effects);

impl Reactor for Teller {
    const NAME: &'static str = "teller";
    type Event = AccountEvent;

    async fn react(&self, event: &Recorded<AccountEvent>) -> Result<(), ReactError> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner).push(event.position);
        (self.0.act)(event.position).await?;
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner).push(event.position);
        Ok(())
    }
}

/// A process with the reactor.
struct Working {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), ProjectorError>>,
}

impl Working {
    fn on(store: &Arc<dyn Store>, effects: &Effects, start: StartFrom) -> Self {
        let app = App::new(store.clone()).reactor(Teller(effects.clone()), start);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { app.run(shutdown).await }
        });
        Self { shutdown, task }
    }

    async fn end(self) -> Result<(), ProjectorError> {
        self.shutdown.cancel();
        wait::within("an orderly end", self.task).await.unwrap()
    }
}

async fn positions(store: &Arc<dyn Store>) -> Vec<Position> {
    whole_log(store).await.iter().map(|row| row.position).collect()
}

pub async fn a_reactor_is_given_every_event_once_in_order(subject: &dyn Subject) {
    let store = store(subject).await;
    let effects = Effects::new();
    for round in 1..=3 {
        deposits(&store, "a", round).await;
        let working = Working::on(&store, &effects, StartFrom::Beginning);
        effects.reaches(&positions(&store).await).await;
        deposits(&store, "b", round).await;
        effects.reaches(&positions(&store).await).await;
        working.end().await.unwrap();
    }
    assert_eq!(effects.begun(), effects.done());
}

pub async fn a_reactor_starts_where_it_is_told_and_later_goes_on(subject: &dyn Subject) {
    let (from_now, behind) = (Effects::new(), Effects::new());
    let first = store(subject).await;
    deposits(&first, "a", 3).await;
    // From now: nothing that was there is given to it, and nothing that comes while it is down is left out.
    let working = Working::on(&first, &from_now, StartFrom::Now);
    let id = projection("teller");
    wait::until("it has started", async || !generations_of(&first, &id).await.is_empty()).await;
    working.end().await.unwrap();
    deposits(&first, "a", 2).await;
    let working = Working::on(&first, &from_now, StartFrom::Now);
    from_now.reaches(&positions(&first).await[3..]).await;
    working.end().await.unwrap();

    let second = store(subject).await;
    deposits(&second, "a", 4).await;
    let all = positions(&second).await;
    let nowhere = Position::new(all[3].value() + 1_000);
    let refused = Working::on(&second, &behind, StartFrom::Behind(nowhere)).end().await;
    assert!(generations_of(&second, &id).await.is_empty(), "nothing is begun at no event: {refused:?}");
    let working = Working::on(&second, &behind, StartFrom::Behind(all[1]));
    behind.reaches(&all[2..]).await;
    working.end().await.unwrap();
}

pub async fn a_reaction_that_fails_is_tried_again_and_what_was_done_is_not(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 4).await;
    let all = positions(&store).await;
    let (bad, tries) = (all[2], Arc::new(Mutex::new(0)));
    let effects = Effects::with(move |position| {
        let mut tries = tries.lock().unwrap_or_else(PoisonError::into_inner);
        *tries += u32::from(position == bad);
        let fails = position == bad && *tries <= 3;
        async move { if fails { Err("it is down".into()) } else { Ok(()) } }.boxed()
    });
    let working = Working::on(&store, &effects, StartFrom::Beginning);
    effects.reaches(&all).await;
    assert_eq!(effects.begun(), [all[0], all[1], bad, bad, bad, bad, all[3]]);
    working.end().await.unwrap();
}

pub async fn a_reaction_that_cannot_work_halts_the_reactor_until_it_is_resumed(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    let all = positions(&store).await;
    let (bad, mended) = (all[1], Arc::new(Mutex::new(0_u32)));
    let effects = Effects::with({
        let mended = mended.clone();
        move |position| {
            let state = *mended.lock().unwrap_or_else(PoisonError::into_inner);
            async move {
                match state {
                    0 if position == bad => Err(ReactError::GiveUp("no such address".into())),
                    1 if position == bad => panic!("of the reactor's own"),
                    _ => Ok(()),
                }
            }
            .boxed()
        }
    });
    let working = Working::on(&store, &effects, StartFrom::Beginning);
    let id = projection("teller");
    for (state, cause) in [(1, "no such address"), (2, "its code panicked")] {
        let halt = async || {
            generations_of(&store, &id).await.into_iter().next().and_then(|live| live.halt().cloned())
        };
        let halted = async || halt().await.is_some_and(|halt| halt.cause.contains(cause));
        wait::until("it halts", halted).await;
        assert_eq!(halt().await.unwrap().position, bad);
        assert_eq!(effects.done(), [all[0]]);
        *mended.lock().unwrap_or_else(PoisonError::into_inner) = state;
        assert!(store.resume(&id).await.unwrap());
    }
    effects.reaches(&all).await;
    assert_eq!(effects.begun(), [all[0], bad, bad, bad, all[2]]);
    working.end().await.unwrap();
}

pub async fn a_reaction_that_takes_longer_than_the_lease_keeps_it(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 2).await;
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let effects = Effects::with({
        let gate = gate.clone();
        move |_| {
            let gate = gate.clone();
            async move {
                gate.acquire().await?.forget();
                Ok(())
            }
            .boxed()
        }
    });
    let both = [(); 2].map(|()| Working::on(&store, &effects, StartFrom::Beginning));
    wait::until("one begins", async || !effects.begun().is_empty()).await;
    // The lease holds for 2 seconds.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(effects.begun().len(), 1, "the other one waits");
    gate.add_permits(2);
    effects.reaches(&positions(&store).await).await;
    assert_eq!(effects.begun(), effects.done());
    for working in both {
        working.end().await.unwrap();
    }
}

/// As [`Teller`], but one event that cannot be told holds up its stream only.
struct Parking(Teller);

impl Reactor for Parking {
    const NAME: &'static str = "teller";
    const ON_FAILURE: OnFailure = OnFailure::ParkKey;
    type Event = AccountEvent;

    async fn react(&self, event: &Recorded<AccountEvent>) -> Result<(), ReactError> {
        self.0.react(event).await
    }
}

pub async fn a_reaction_that_cannot_work_parks_its_stream(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    deposits(&store, "b", 1).await;
    deposits(&store, "a", 1).await;
    let all = positions(&store).await;
    let (bad, is_mended) = (all[1], Arc::new(AtomicBool::new(false)));
    let effects = Effects::with({
        let is_mended = is_mended.clone();
        move |position| {
            let fails = position == bad && !is_mended.load(Ordering::Relaxed);
            async move { if fails { Err(ReactError::GiveUp("no such address".into())) } else { Ok(()) } }
                .boxed()
        }
    });
    let app = App::new(store.clone()).reactor(Parking(Teller(effects.clone())), StartFrom::Beginning);
    let reactor = app.followers().next().unwrap().clone();
    reactor.catch_up().await.unwrap();
    assert_eq!(effects.done(), [all[0], all[3]]);
    let live = generations_of(&store, &projection("teller")).await.remove(0);
    let letters = store.letters(live.id, None, 9).await.unwrap();
    let found: Vec<_> = letters.iter().map(|letter| (letter.place.position, letter.attempts)).collect();
    assert_eq!(found, [(bad, 1), (all[2], 0), (all[4], 0)]);
    assert!(letters[0].cause.as_ref().is_some_and(|cause| cause.contains("no such address")));
    let again = Retried { failed: 1, waiting: 2, ..Retried::default() };
    assert_eq!(reactor.retry(None).await.unwrap(), again);
    is_mended.store(true, Ordering::Relaxed);
    let mended = Retried { settled: 3, ..Retried::default() };
    assert_eq!(reactor.retry(None).await.unwrap(), mended);
    assert_eq!(effects.done(), [all[0], all[3], bad, all[2], all[4]], "in order within the stream");
    assert_eq!(reactor.retry(None).await.unwrap(), Retried::default());
    assert_eq!(effects.done().len(), 5);
}
