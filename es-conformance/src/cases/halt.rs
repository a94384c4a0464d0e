//! What a projector cannot get past stops it, and nothing else; a person sees why, and it goes on when it is mended.

use super::projector::live;
use crate::fixtures::{
    Account, AccountEvent, Balances, deposits, event, instance, promised, recorded, store, stream, whole_log,
};
use crate::{Subject, Tamper};
use es_core::{
    Append, CheckpointStore, Commit, Cursor, Event, EventId, EventStore, Expected, Fate, GenerationState,
    KeyError, NewEvent, Payload, Position, Projection, ProjectionId, Projector, ProjectorError, Recorded,
    Store, StoreError, Version, ViewStore,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// Counts the events of every account; `E` says what it can read.
#[derive(Default, Serialize, Deserialize)]
#[serde(bound = "")]
struct Count<E> {
    events: u64,
    #[serde(skip)]
    reads: PhantomData<fn() -> E>,
}

impl<E: Event + DeserializeOwned + Default> Projection for Count<E> {
    const NAME: &'static str = "count";
    type Event = E;
    type Key = String;

    fn keys(event: &Recorded<E>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.id::<Account>()?])
    }

    fn project(&mut self, _: &Recorded<E>) -> Fate {
        self.events += 1;
        Fate::Keep
    }
}

/// As [`Count`], but for an owner who has no name.
#[derive(Default, Serialize, Deserialize)]
struct Named {
    events: u64,
}

impl Projection for Named {
    const NAME: &'static str = "count";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        match &event.data {
            AccountEvent::Opened { owner } if owner.is_empty() => Err(KeyError::new("the owner has no name")),
            _ => Ok([event.stream.id::<Account>()?]),
        }
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.events += 1;
        Fate::Keep
    }
}

/// What the program learns later: another name, another version, another type of a field.
#[derive(Debug, Default, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Mended {
    #[event(version = 2, upcast(1 = OpenedV1))]
    Opened {
        owner: String,
        at: String,
    },
    Deposited {
        cents: serde_json::Value,
    },
    #[default]
    Closed,
    Frozen,
}

#[derive(Deserialize)]
struct OpenedV1 {
    owner: String,
}

impl From<OpenedV1> for Mended {
    fn from(old: OpenedV1) -> Self {
        Self::Opened { owner: old.owner, at: String::new() }
    }
}

/// What the program reads today.
#[derive(Debug, Default, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Today {
    Opened {
        owner: String,
    },
    Deposited {
        cents: i64,
    },
    #[default]
    Closed,
}

/// Two good events, a bad one, a good one; `Bad` halts at the third, and `Good` gets past it.
async fn halts_and_goes_on<Bad: Projection, Good: Projection>(
    subject: &dyn Subject,
    poison: NewEvent,
    says: impl Fn(&ProjectorError) -> bool,
) {
    let store = store(subject).await;
    deposits(&store, "a", 2).await;
    let good = whole_log(&store).await;
    store.append(Append::new(stream("b"), Expected::Any, vec![poison])).await.unwrap();
    let poisoned = whole_log(&store).await[2].position;
    deposits(&store, "c", 1).await;
    // In the largest batch the events before the one that does not fit are in the same page as it.
    for batch in [1_000, 2, 1] {
        let error =
            Projector::<Bad>::new(store.clone()).with_batch_events_max(batch).catch_up().await.unwrap_err();
        assert!(says(&error), "{error:?}");
        let halted = live(&store, Bad::NAME).await;
        assert_eq!(
            halted.position(),
            good[1].position,
            "in batches of {batch}: what was finished stays finished"
        );
        assert_eq!(halted.owner(), None, "nobody waits for a lease of one that halted");
        let halt = halted.halt().expect("why it halted is kept");
        assert_eq!(halt.position, poisoned, "{halt:?}");
        assert!(halt.cause.contains("account-b") && halt.cause.contains(&poisoned.to_string()), "{halt:?}");
        deposits(&store, "d", 1).await;
    }
    let others = Projector::<Halves>::new(store.clone()).catch_up().await.unwrap();
    assert_eq!(others, store.head().await.unwrap().unwrap().position, "other projections go on");
    let mended = Projector::<Good>::new(store.clone());
    mended.catch_up().await.unwrap();
    let views = store.views(&ProjectionId::new(Good::NAME, 1).unwrap(), None, 9).await.unwrap();
    let counts: Vec<_> = views.iter().map(|(key, view)| (key.as_str(), view.as_str())).collect();
    let [one, two, three] = [r#"{"events":1}"#, r#"{"events":2}"#, r#"{"events":3}"#];
    assert_eq!(
        counts,
        [("a", two), ("b", one), ("c", one), ("d", three)],
        "nothing was skipped, nothing twice"
    );
    assert_eq!(live(&store, Good::NAME).await.halt(), None);
}

/// Another projection, which never reads what is bad.
#[derive(Default, Serialize, Deserialize)]
struct Halves;

impl Projection for Halves {
    const NAME: &'static str = "halves";
    type Event = AccountEvent;
    type Key = String;

    fn filter() -> es_core::Filter {
        es_core::Filter::default().name("account.closed")
    }

    fn keys(_: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([String::new()])
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        Fate::Keep
    }
}

pub async fn pj_06_a_projection_halts_at_an_event_without_a_key(subject: &dyn Subject) {
    let nobody = event("account.opened", br#"{"owner":""}"#.as_slice());
    halts_and_goes_on::<Named, Count<Today>>(subject, nobody, |error| {
        matches!(error, ProjectorError::NoKey { .. })
    })
    .await;
}

fn undecodable(error: &ProjectorError) -> bool {
    matches!(error, ProjectorError::Undecodable { .. })
}

pub async fn pj_06_a_projection_halts_at_an_event_that_does_not_fit(subject: &dyn Subject) {
    let five = event("account.deposited", br#"{"cents":"five"}"#.as_slice());
    halts_and_goes_on::<Count<Today>, Count<Mended>>(subject, five, undecodable).await;
}

pub async fn pj_06_a_projection_halts_at_an_unknown_name(subject: &dyn Subject) {
    let frozen = event("account.frozen", b"{}".as_slice());
    halts_and_goes_on::<Count<Today>, Count<Mended>>(subject, frozen, undecodable).await;
}

pub async fn up_02_a_projection_halts_at_an_unknown_version(subject: &dyn Subject) {
    let newer = event("account.opened", br#"{"owner":"Ada","at":"noon"}"#.as_slice());
    let newer = NewEvent { schema_version: 2, ..newer };
    halts_and_goes_on::<Count<Today>, Count<Mended>>(subject, newer, undecodable).await;
}

/// Moves the checkpoint of [`Balances`] there, as a backup that is older than its read models does.
async fn move_checkpoint(store: &Arc<dyn Store>, to: Cursor) {
    let id = ProjectionId::new(Balances::NAME, 1).unwrap();
    let grant = super::checkpoints::acquire(store, &id, GenerationState::Live).await;
    store.commit(Commit::new(grant.clone(), Some(to))).await.unwrap();
    store.release(&grant, None).await.unwrap();
}

/// The projector refuses the log, and applies nothing of it.
async fn assert_diverged(store: &Arc<dyn Store>, at: Position) {
    let before = super::projector::views::<Balances>(store).await;
    for _ in 0..3 {
        let outcome = Projector::<Balances>::new(store.clone()).catch_up().await;
        match outcome {
            Err(ProjectorError::Store { source: StoreError::HistoryDiverged { position, .. }, .. }) => {
                assert_eq!(position, at);
            }
            other => panic!("expected HistoryDiverged, found {other:?}"),
        }
        deposits(store, "a", 3).await;
        assert_eq!(super::projector::views::<Balances>(store).await, before);
    }
    assert!(live(store, "balances").await.halt().is_some(), "a person is told");
}

pub async fn pj_18_a_checkpoint_beyond_the_head_is_another_history(subject: &dyn Subject) {
    let store = store(subject).await;
    let last = deposits(&store, "a", 3).await.position;
    Projector::<Balances>::new(store.clone()).catch_up().await.unwrap();
    let beyond = Position::new(last.value() + 5);
    let lost = Cursor { position: beyond, event_id: EventId::new(Uuid::now_v7()) };
    move_checkpoint(&store, lost).await;
    assert_diverged(&store, beyond).await;
}

pub async fn pj_18_another_event_at_the_checkpoint_is_another_history(subject: &dyn Subject) {
    let store = store(subject).await;
    let last = deposits(&store, "a", 3).await.position;
    let other = Cursor { position: last, event_id: EventId::new(Uuid::now_v7()) };
    move_checkpoint(&store, other).await;
    assert_diverged(&store, last).await;
}

pub async fn pj_18_an_event_that_was_replaced_is_another_history(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    let last = deposits(&store, "a", 3).await.position;
    Projector::<Balances>::new(store.clone()).catch_up().await.unwrap();
    let replaced = Tamper::ChangeEventId { position: last, event_id: EventId::new(Uuid::now_v7()) };
    promised(instance.tamper(replaced).await);
    assert_diverged(&store, last).await;
}

pub async fn pj_20_a_projector_stops_at_a_missing_event(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    deposits(&store, "b", 1).await;
    deposits(&store, "a", 8).await;
    recorded(&store, "b", [AccountEvent::Closed]).await;
    let log = whole_log(&store).await;
    promised(instance.tamper(Tamper::DeleteEvent { stream: stream("a"), version: Version::new(5) }).await);
    let error =
        Projector::<Balances>::new(store.clone()).with_batch_events_max(2).catch_up().await.unwrap_err();
    match &error {
        ProjectorError::Store {
            source: StoreError::Gap { stream: of, expected, found, position }, ..
        } => {
            assert_eq!((of, *expected, *found), (&stream("a"), Version::new(5), Version::new(6)));
            assert_eq!(*position, log[6].position);
        }
        other => panic!("expected Gap, found {other:?}"),
    }
    let halted = live(&store, "balances").await;
    assert!(halted.position() < log[5].position);
    assert!(halted.halt().unwrap().cause.contains("account-a"));
    let repository = es_core::Repository::<Account>::new(store.clone());
    let loaded = repository.load("a".to_owned()).await;
    assert!(matches!(loaded, Err(StoreError::Gap { .. })), "{loaded:?}");
}

pub async fn a_payload_that_was_overwritten_is_not_passed_over(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    deposits(&store, "a", 3).await;
    let damage = Tamper::OverwritePayload {
        stream: stream("a"),
        version: Version::new(2),
        payload: b"{\"cen".to_vec(),
    };
    promised(instance.tamper(damage).await);
    let error = Projector::<Balances>::new(store.clone()).catch_up().await.unwrap_err();
    assert!(undecodable(&error), "{error:?}");
    let damaged: Recorded<Payload> = whole_log(&store).await.remove(1);
    assert_eq!(damaged.data.as_bytes(), b"{\"cen", "what is stored is shown as it is");
}
