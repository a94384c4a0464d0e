//! What is told is what is stored: by a command, by a cache, by an error, by a view.

use super::projector::live;
use crate::Subject;
use crate::fixtures::{AccountEvent, Deposit, deposits, recorded, store, stream, whole_log};
use crate::layer::{Layer, Layered};
use async_trait::async_trait;
use es_core::{
    Aggregate, Append, AppendError, Appended, Apply, Event, EventStore, ExecuteError, Expected, Fate,
    KeyError, Projection, Projector, ProjectorError, Recorded, Repository, Retry, Store, StoreError, Version,
    ViewStore,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes whole euros only, as some serde adapters do.
fn in_euros<S: Serializer>(cents: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(cents / 100)
}

fn from_euros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    u64::deserialize(deserializer).map(|euros| euros * 100)
}

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "purse")]
enum PurseEvent {
    Filled {
        #[serde(serialize_with = "in_euros", deserialize_with = "from_euros")]
        cents: u64,
    },
}

#[derive(Debug, Clone, PartialEq, Aggregate, Serialize, Deserialize)]
#[aggregate(event = PurseEvent, error = std::fmt::Error, id = String)]
struct Purse {
    id: String,
    cents: u64,
}

impl Apply<PurseEvent> for Purse {
    fn apply(&mut self, event: &PurseEvent) {
        let PurseEvent::Filled { cents } = event;
        self.cents += cents;
    }
}

pub async fn a_state_after_a_command_is_what_the_log_gives(subject: &dyn Subject) {
    let store = store(subject).await;
    let purses = Repository::<Purse>::new(store.clone()).with_cache(10);
    let id = "p".to_owned();
    let fill = |_: &Purse| Ok(vec![PurseEvent::Filled { cents: 199 }]);
    for times in 1..=2 {
        let committed = purses.decide(&id, fill).await.unwrap();
        assert_eq!(committed.events[0].data, PurseEvent::Filled { cents: 100 }, "as it is stored");
        assert_eq!(committed.state.cents, 100 * times);
        assert_eq!(committed.state, Repository::<Purse>::new(store.clone()).load(&id).await.unwrap().state);
    }
}

/// A store that loses the first answer, and is not there any more after that.
struct LostThenGone {
    below: Arc<dyn Store>,
    calls: AtomicU32,
}

#[async_trait]
impl Layer for LostThenGone {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        if self.calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(StoreError::Unavailable { reason: "it is gone".into(), source: None }.into());
        }
        self.below.append_all(appends).await?;
        Err(StoreError::OutcomeUnknown { source: "the connection was lost".into() }.into())
    }
}

pub async fn an_unknown_outcome_stays_unknown(subject: &dyn Subject) {
    let store = store(subject).await;
    let layer = LostThenGone { below: store.clone(), calls: AtomicU32::new(0) };
    let accounts = Repository::<crate::fixtures::Account>::new(Layered(layer))
        .with_retry(Retry::default().with_attempts_max(3));
    let outcome = accounts.execute("a".to_owned(), Deposit { cents: 5 }).await;
    let unknown = matches!(outcome, Err(ExecuteError::Store(StoreError::OutcomeUnknown { .. })));
    assert!(unknown, "it was stored, and nobody may say that it was not: {outcome:?}");
    assert_eq!(whole_log(&store).await.len(), 1);
}

pub async fn a_call_with_a_guard_is_answered_again_after_the_guarded_stream_moved(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "guarded", 2).await;
    let guard = Append::new(stream("guarded"), Expected::Exactly(Version::new(2)), vec![]);
    let call = vec![crate::fixtures::append("a", 1), guard];
    let first = store.append_all(call.clone()).await.unwrap();
    deposits(&store, "guarded", 1).await;
    let again = store.append_all(call).await.unwrap();
    assert!(again.iter().all(|answer| answer.repeated), "{again:?}");
    assert_eq!(again[0].positions, first[0].positions);
    assert_eq!(whole_log(&store).await.len(), 4);
}

/// A transfer of an account to itself names its view twice.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Movements(u64);

impl Projection for Movements {
    const NAME: &'static str = "movements";
    type Event = AccountEvent;
    type Key = String;

    fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok([event.stream.key().to_owned(), event.stream.key().to_owned()])
    }

    fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate {
        self.0 += 1;
        Fate::Keep
    }
}

pub async fn an_event_that_names_a_view_twice_changes_it_once(subject: &dyn Subject) {
    let store = store(subject).await;
    deposits(&store, "a", 3).await;
    let movements = Projector::<Movements>::new(store.clone());
    movements.catch_up().await.unwrap();
    assert_eq!(movements.get(&"a".to_owned()).await.unwrap(), Some(Movements(3)));
}

/// A mean that is no number as long as there is nothing: JSON writes that as `null`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Mean {
    cents: i64,
    mean: f64,
}

impl Projection for Mean {
    const NAME: &'static str = "mean";
    type Event = AccountEvent;
    type Key = String;

    fn keys(_: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok(["all".to_owned()])
    }

    fn project(&mut self, event: &Recorded<AccountEvent>) -> Fate {
        if let AccountEvent::Deposited { cents } = event.data {
            self.cents += cents;
        }
        self.mean = 0.0 / self.cents as f64;
        Fate::Keep
    }
}

pub async fn a_view_that_cannot_be_read_again_is_not_written(subject: &dyn Subject) {
    let store = store(subject).await;
    recorded(&store, "a", [AccountEvent::Opened { owner: "Ada".into() }]).await;
    let failed = Projector::<Mean>::new(store.clone()).catch_up().await.unwrap_err();
    assert!(matches!(&failed, ProjectorError::View { key, .. } if key == "all"), "{failed:?}");
    let halted = live(&store, "mean").await;
    assert!(halted.cursor().is_none() && halted.halt().is_some(), "{halted:?}");
    assert_eq!(store.views(&halted.projection, None, 9).await.unwrap(), []);
}
