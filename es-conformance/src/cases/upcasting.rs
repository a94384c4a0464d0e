//! Old shapes are read as today's; stored bytes never change.

use crate::fixtures::{command_id, event, ids, store, stream, whole_log};
use crate::{Subject, wait};
use es_core::{
    Aggregate, Append, Apply, CheckpointStore, DecodeProblem, EncodeError, EncodeProblem, Event, EventId,
    EventStore, Expected, Fate, Filter, KeyError, Metadata, NewEvent, Payload, Projection, Projector,
    ProjectorError, Recorded, Repository, Store, StoreError, ViewStore,
};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Today {
    #[event(version = 3, upcast(1 = OpenedV1, 2 = OpenedV2))]
    Opened {
        first: String,
        last: String,
        limit: i128,
    },
    #[event(rename = "paid_in", alias = "deposited")]
    PaidIn {
        cents: u64,
    },
    #[event(version = 2, upcast(1 = ClosedV1))]
    Closed {
        reason: Option<String>,
    },
    Measured {
        exact: i128,
        count: u64,
        ratio: f64,
    },
}

#[derive(Deserialize)]
struct OpenedV1 {
    name: String,
}

#[derive(Deserialize)]
struct OpenedV2 {
    first: String,
    last: String,
    #[serde(default)]
    limit: i128,
}

#[derive(Deserialize)]
struct ClosedV1 {
    code: u8,
}

impl From<OpenedV1> for OpenedV2 {
    fn from(old: OpenedV1) -> Self {
        let (first, last) = old.name.split_once(' ').unwrap_or((&old.name, ""));
        Self { first: first.to_owned(), last: last.to_owned(), limit: 0 }
    }
}

impl From<OpenedV2> for Today {
    fn from(old: OpenedV2) -> Self {
        Self::Opened { first: old.first, last: old.last, limit: old.limit }
    }
}

impl TryFrom<ClosedV1> for Today {
    type Error = std::fmt::Error;

    fn try_from(old: ClosedV1) -> Result<Self, Self::Error> {
        match old.code {
            0 => Ok(Self::Closed { reason: None }),
            1 => Ok(Self::Closed { reason: Some("moved".into()) }),
            _ => Err(std::fmt::Error),
        }
    }
}

fn opened(first: &str, last: &str, limit: i128) -> Today {
    Today::Opened { first: first.into(), last: last.into(), limit }
}

fn old(name: &'static str, schema_version: u32, json: &str) -> NewEvent {
    NewEvent { schema_version, ..event(name, json) }
}

async fn stored(store: &Arc<dyn Store>, events: Vec<NewEvent>) -> Vec<Recorded<Payload>> {
    store.append(Append::new(stream("a"), Expected::Any, events)).await.unwrap();
    whole_log(store).await
}

fn decoded(log: Vec<Recorded<Payload>>) -> Vec<Today> {
    log.into_iter().map(|event| event.decode::<Today>().unwrap().data).collect()
}

/// One of every shape that was ever stored, and what it is today. A line is never changed, only added.
fn golden() -> Vec<(NewEvent, Today)> {
    vec![
        (old("account.opened", 1, r#"{"name":"Ada Lovelace"}"#), opened("Ada", "Lovelace", 0)),
        (old("account.opened", 1, r#"{"name":"Ada","since":1842}"#), opened("Ada", "", 0)),
        (old("account.opened", 2, r#"{"first":"Ada","last":"L"}"#), opened("Ada", "L", 0)),
        (old("account.opened", 3, r#"{"first":"A","last":"L","limit":-5}"#), opened("A", "L", -5)),
        (old("account.deposited", 1, r#"{"cents":5}"#), Today::PaidIn { cents: 5 }),
        (old("account.paid_in", 1, r#"{ "cents" : 6 }"#), Today::PaidIn { cents: 6 }),
        (old("account.closed", 1, r#"{"code":0}"#), Today::Closed { reason: None }),
        (old("account.closed", 1, r#"{"code":1}"#), Today::Closed { reason: Some("moved".into()) }),
        (old("account.closed", 2, r#"{}"#), Today::Closed { reason: None }),
    ]
}

pub async fn up_01_every_shape_that_was_ever_stored_is_read(subject: &dyn Subject) {
    let store = store(subject).await;
    let (events, expected): (Vec<_>, Vec<_>) = golden().into_iter().unzip();
    let log = stored(&store, events).await;
    assert_eq!(decoded(log), expected);
    let filtered = crate::fixtures::filtered_log(&store, &Filter::of::<Today>(), 2).await;
    assert_eq!(decoded(filtered), expected, "a filter wants the old names too");
}

pub async fn up_02_an_unknown_name_or_version_stops_the_reader(subject: &dyn Subject) {
    let store = store(subject).await;
    let unknown = vec![
        old("account.frozen", 1, "{}"),
        old("account.opened", 4, "{}"),
        old("account.opened", 0, "{}"),
        old("account.deposited", 2, r#"{"cents":5}"#),
        old("account.opened", 2, r#"{"name":"Ada"}"#),
    ];
    let log = stored(&store, unknown).await;
    let problems = log.into_iter().map(|event| event.decode::<Today>().unwrap_err().problem);
    let problems: Vec<_> = problems.collect();
    assert!(matches!(problems[0], DecodeProblem::UnknownName));
    for (problem, version) in problems[1..4].iter().zip([4, 0, 2]) {
        assert!(
            matches!(problem, DecodeProblem::UnknownVersion { found, .. } if *found == version),
            "{problem:?}"
        );
    }
    assert!(matches!(problems[4], DecodeProblem::Malformed(_)));
    let error = Repository::<Files>::new(store.clone()).load("a".to_owned()).await.unwrap_err();
    match error {
        StoreError::Decode(error) => assert_eq!(error.name, "account.frozen"),
        other => panic!("expected Decode, found {other:?}"),
    }
}

pub async fn up_03_a_chain_of_upcasters_equals_the_direct_way(subject: &dyn Subject) {
    let store = store(subject).await;
    let names = ["Ada Lovelace", "Ada", "", " x", "a b c", "é \u{1f600}"];
    let mut events = Vec::new();
    for name in names {
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let text = |value: &str| serde_json::to_string(value).unwrap();
        events.push(old("account.opened", 1, &format!("{{\"name\":{}}}", text(name))));
        let second = format!("\"first\":{},\"last\":{}", text(first), text(last));
        events.push(old("account.opened", 2, &format!("{{{second}}}")));
        events.push(old("account.opened", 3, &format!("{{{second},\"limit\":0}}")));
    }
    let sent = crate::fixtures::new_ids(&events);
    let log = stored(&store, events).await;
    assert_eq!(ids(&log), sent, "upcasting changes neither ids nor the order");
    let today = decoded(log);
    for chain in today.chunks(3) {
        assert!(chain.iter().all(|event| *event == chain[2]), "{chain:?}");
    }
}

pub async fn up_04_an_upcaster_that_refuses_stops_the_reader(subject: &dyn Subject) {
    let store = store(subject).await;
    let events = vec![old("account.closed", 1, r#"{"code":0}"#), old("account.closed", 1, r#"{"code":9}"#)];
    let mut log = stored(&store, events).await;
    let error = log.pop().unwrap().decode::<Today>().unwrap_err();
    assert!(matches!(error.problem, DecodeProblem::Upcast { version: 1, .. }), "{error:?}");
    assert_eq!((error.version.value(), &error.stream), (2, &stream("a")));
    assert!(Repository::<Files>::new(store.clone()).load("a".to_owned()).await.is_err());
}

/// What a program reads whose upcaster has a bug.
#[derive(Debug, Event, Serialize, Deserialize)]
#[event(prefix = "account")]
enum Fragile {
    #[event(version = 2, upcast(1 = FragileV1))]
    Closed {},
}

#[derive(Deserialize)]
struct FragileV1 {
    code: u8,
}

impl From<FragileV1> for Fragile {
    fn from(old: FragileV1) -> Self {
        assert!(old.code == 0, "the code is {}", old.code);
        Self::Closed {}
    }
}

/// Counts what was closed; `E` says how it is read.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Closed<E> {
    events: u64,
    #[serde(skip)]
    reads: PhantomData<fn() -> E>,
}

impl<E> Default for Closed<E> {
    fn default() -> Self {
        Self { events: 0, reads: PhantomData }
    }
}

impl<E: Event + DeserializeOwned> Projection for Closed<E> {
    const NAME: &'static str = "closed";
    type Event = E;
    type Key = String;

    fn keys(_: &Recorded<E>) -> Result<impl IntoIterator<Item = String>, KeyError> {
        Ok(["all".to_owned()])
    }

    fn project(&mut self, _: &Recorded<E>) -> Fate {
        self.events += 1;
        Fate::Keep
    }
}

pub async fn up_04_an_upcaster_that_panics_halts_its_projection(subject: &dyn Subject) {
    let store = store(subject).await;
    let closed = |code: u8| old("account.closed", 1, &format!("{{\"code\":{code}}}"));
    let log = stored(&store, vec![closed(0), closed(0), closed(0), closed(1), closed(0)]).await;
    let fragile = Projector::<Closed<Fragile>>::new(store.clone())
        .with_batch_events_max(2)
        .with_lease(Duration::from_millis(1));
    for _ in 0..2 {
        let failed = fragile.catch_up().await;
        let at = failed.unwrap_err();
        assert!(matches!(at, ProjectorError::OwnCode { .. }), "{at:?}");
        assert_eq!(at.position(), Some(log[3].position));
        let live = store.generations().await.unwrap().remove(0);
        assert_eq!(live.position(), log[2].position, "what comes before it is done");
        assert!(live.halt().is_some() && live.owner().is_none(), "a person sees it: {live:?}");
        let views = store.views(&live.projection, None, 9).await.unwrap();
        assert_eq!(views, [("all".to_owned(), r#"{"events":3}"#.to_owned())], "nothing of it is there");
    }
    let mended = Projector::<Closed<Today>>::new(store.clone());
    wait::within("the mended one", mended.catch_up()).await.unwrap();
    assert_eq!(mended.get(&"all".to_owned()).await.unwrap().unwrap().events, 5, "each event once");
}

fn measured() -> impl Strategy<Value = (i128, u64, f64)> {
    let exact = prop_oneof![Just(i128::MIN), Just(i128::MAX), Just(1 << 64), any::<i128>()];
    let count = prop_oneof![Just(u64::MAX), Just((1 << 53) + 1), any::<u64>()];
    let ratio =
        prop_oneof![Just(-0.0), Just(f64::MIN_POSITIVE), Just(5e-324), Just(f64::MAX), Just(0.1), Just(1e22)];
    (
        exact,
        count,
        prop_oneof![ratio, any::<f64>().prop_filter("has a JSON form", |number| number.is_finite())],
    )
}

pub async fn up_05_numbers_survive_the_store_and_the_upcasters(subject: &dyn Subject) {
    let store = store(subject).await;
    for_numbers(&store);
    let limit = "170141183460469231731687303715884105727";
    let json = format!("{{\"first\":\"A\",\"last\":\"L\",\"limit\":{limit}}}");
    let last = stored(&store, vec![old("account.opened", 2, &json)]).await.pop().unwrap();
    assert_eq!(last.decode::<Today>().unwrap().data, opened("A", "L", i128::MAX));
}

fn for_numbers(store: &Arc<dyn Store>) {
    crate::fixtures::for_all(64, measured(), async |(exact, count, ratio)| {
        let event = Today::Measured { exact, count, ratio };
        let new = NewEvent::encode(&event, EventId::new(Uuid::now_v7()), Metadata::new()).unwrap();
        let bytes = new.payload.clone();
        let stored = stored(store, vec![new]).await.pop().unwrap();
        assert_eq!(stored.data, bytes);
        match stored.decode::<Today>().unwrap().data {
            Today::Measured { exact: e, count: c, ratio: r } => {
                assert_eq!((e, c, r.to_bits()), (exact, count, ratio.to_bits()));
            }
            other => panic!("{other:?}"),
        }
    });
}

pub async fn se_09_a_number_without_a_json_form_is_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    for ratio in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let event = Today::Measured { exact: 0, count: 0, ratio };
        let encoded = NewEvent::encode(&event, EventId::new(Uuid::now_v7()), Metadata::new());
        let refused = matches!(
            encoded,
            Err(EncodeError { problem: EncodeProblem::NotReadable(_) | EncodeProblem::NoJson(_), .. })
        );
        assert!(refused, "{encoded:?}");
        let command = Metadata::new().command(command_id("c-1"));
        let repository = Repository::<Files>::new(store.clone()).with(command);
        let outcome = repository.decide("a".to_owned(), |_| Ok(vec![event.clone()])).await;
        assert!(matches!(outcome, Err(es_core::ExecuteError::Store(StoreError::Encode(_)))));
    }
    assert!(whole_log(&store).await.is_empty());
    assert_eq!(store.answered(&command_id("c-1")).await.unwrap(), None);
}

/// Has seen what it has seen.
#[derive(Debug, Aggregate)]
#[aggregate(event = Today, error = std::fmt::Error, id = String, name = "account")]
struct Files {
    id: String,
    seen: Vec<Today>,
}

impl Apply<Today> for Files {
    fn apply(&mut self, event: &Today) {
        self.seen.push(event.clone());
    }
}

pub async fn up_06_stored_bytes_are_the_same_before_and_after_a_replay(subject: &dyn Subject) {
    let store = store(subject).await;
    let (events, expected): (Vec<_>, Vec<_>) = golden().into_iter().unzip();
    let sent: Vec<_> = events.iter().map(|event| (event.payload.clone(), event.schema_version)).collect();
    let before = stored(&store, events).await;
    let repository = Repository::<Files>::new(store.clone());
    let loaded = repository.load("a".to_owned()).await.unwrap().state;
    assert_eq!((loaded.id.as_str(), loaded.seen), ("a", expected));
    repository.decide("a".to_owned(), |_| Ok(vec![Today::PaidIn { cents: 7 }])).await.unwrap();
    let after = whole_log(&store).await;
    assert_eq!(after[..before.len()], before);
    let kept: Vec<_> = before.into_iter().map(|event| (event.data, event.schema_version)).collect();
    assert_eq!(kept, sent);
}
