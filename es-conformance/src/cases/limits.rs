//! Limits are refusals: typed, and before anything is written.

use crate::fixtures::{append, appended, event, events, store, stream, whole_log};
use crate::{Settings, Subject};
use es_core::{Append, AppendError, EventStore, Expected, LimitError, Limits, Metadata, Store, StoreError};
use std::sync::Arc;

/// The limit that refuses `appends`.
async fn limit(store: &Arc<dyn Store>, appends: Vec<Append>) -> LimitError {
    let before = store.head().await.unwrap();
    match store.append_all(appends).await {
        Err(AppendError::Store(StoreError::Limit(limit))) => {
            assert_eq!(store.head().await.unwrap(), before, "a refused append stores nothing");
            limit
        }
        other => panic!("expected a limit, found {:?}", other.map(|answers| answers.len())),
    }
}

fn of(payloads: Vec<Vec<u8>>) -> Append {
    let events = payloads.into_iter().map(|json| event("account.changed", json)).collect();
    Append::new(stream("a"), Expected::Any, events)
}

/// A JSON string of exactly this many bytes.
fn text(bytes: usize) -> Vec<u8> {
    format!("\"{}\"", "x".repeat(bytes - 2)).into_bytes()
}

fn nested(depth: usize) -> Vec<u8> {
    [vec![b'['; depth], vec![b']'; depth]].concat()
}

pub async fn st_19_10_000_events_fit_into_one_append_and_100_000_are_refused(subject: &dyn Subject) {
    let store = store(subject).await;
    let refused = limit(&store, vec![append("a", 100_000)]).await;
    assert_eq!(refused, LimitError::AppendEvents { found: 100_000, max: 10_000 });
    let refused = limit(&store, vec![append("a", 5_000), append("b", 5_001)]).await;
    assert_eq!(refused, LimitError::AppendEvents { found: 10_001, max: 10_000 });
    assert_eq!(appended(&store, append("a", 10_000)).await.version.value(), 10_000);
    assert_eq!(whole_log(&store).await.len(), 10_000);
}

pub async fn se_06_sizes_are_limited_by_event_and_by_append(subject: &dyn Subject) {
    let store = store(subject).await;
    let limits = Limits::default();
    let (event_max, append_max) = (limits.event_bytes_max(), limits.append_bytes_max());
    for fits in [1, 2, event_max] {
        let payload = if fits == 1 { b"0".to_vec() } else { text(fits) };
        appended(&store, of(vec![payload])).await;
    }
    match limit(&store, vec![of(vec![text(event_max + 1)])]).await {
        LimitError::EventBytes { found, max, .. } => assert_eq!((found, max), (event_max + 1, event_max)),
        other => panic!("expected EventBytes, found {other:?}"),
    }
    assert!(matches!(limit(&store, vec![of(vec![Vec::new()])]).await, LimitError::NotJson { .. }));
    let mut with_metadata = of(vec![text(event_max - 100)]);
    with_metadata.events[0].metadata = Metadata::new().with("note", &"x".repeat(101));
    assert!(matches!(limit(&store, vec![with_metadata]).await, LimitError::EventBytes { .. }));
    let mut whole = vec![text(event_max); append_max / event_max];
    appended(&store, of(whole.clone())).await;
    whole.push(b"0".to_vec());
    let refused = limit(&store, vec![of(whole)]).await;
    assert_eq!(refused, LimitError::AppendBytes { found: append_max + 1, max: append_max });
    let halves = ["a", "b"].map(|key| Append { stream: stream(key), ..of(vec![text(event_max); 5]) });
    assert!(matches!(limit(&store, halves.into()).await, LimitError::AppendBytes { .. }));
}

pub async fn se_08_json_is_nested_127_deep_at_most(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, of(vec![nested(127)])).await;
    for depth in [128, 100_000] {
        match limit(&store, vec![of(vec![nested(depth)])]).await {
            LimitError::JsonDepth { found, max, .. } => assert_eq!((found, max), (depth, 127)),
            other => panic!("expected JsonDepth, found {other:?}"),
        }
    }
    let objects = format!("{}1{}", "{\"a\":".repeat(128), "}".repeat(128));
    assert!(matches!(limit(&store, vec![of(vec![objects.into()])]).await, LimitError::JsonDepth { .. }));
    let unclosed = limit(&store, vec![of(vec![vec![b'['; 100_000]])]).await;
    assert!(matches!(unclosed, LimitError::JsonDepth { .. } | LimitError::NotJson { .. }), "{unclosed:?}");
}

pub async fn limits_can_be_set(subject: &dyn Subject) {
    let limits = Limits::default()
        .with_event_bytes_max(100)
        .with_append_bytes_max(150)
        .with_append_events_max(3)
        .with_json_depth_max(2);
    let store = subject.instance(Settings::default().with_limits(limits)).await.store();
    assert!(matches!(
        limit(&store, vec![of(vec![text(101)])]).await,
        LimitError::EventBytes { max: 100, .. }
    ));
    assert!(matches!(
        limit(&store, vec![of(vec![text(80); 2])]).await,
        LimitError::AppendBytes { max: 150, .. }
    ));
    assert!(matches!(limit(&store, vec![append("a", 4)]).await, LimitError::AppendEvents { max: 3, .. }));
    assert!(matches!(limit(&store, vec![of(vec![nested(3)])]).await, LimitError::JsonDepth { max: 2, .. }));
    appended(&store, Append::new(stream("a"), Expected::Empty, events(3))).await;
}
