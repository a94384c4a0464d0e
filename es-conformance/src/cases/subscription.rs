//! Following the log: nothing lost, nothing twice, one page at a time.

use crate::fixtures::{
    Counted, append, appended, filtered_log, ids, instance, promised, store, stream, whole_log,
};
use crate::layer::{Layer, Layered};
use crate::{Subject, Tamper, wait};
use async_trait::async_trait;
use es_core::{
    EventId, Filter, LogPage, Position, Store, StoreError, StreamId, StreamPage, StreamRange, Subscription,
    Version,
};
use futures::StreamExt;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often a waiting reader is dropped.
const DROPS: usize = 1_000;

pub async fn a_subscription_gives_what_was_there_and_what_comes(subject: &dyn Subject) {
    let store = store(subject).await;
    appended(&store, append("a", 3)).await;
    let mut subscription = Subscription::new(store.clone()).with_page_events_max(2);
    let mut filtered = Subscription::new(store.clone()).filtered(Filter::default().category("nobody"));
    let mut read = Vec::new();
    for round in 0..5 {
        while read.len() < 3 + round {
            read.push(wait::within("the next event", subscription.next()).await.unwrap());
        }
        let never = futures::poll!(Box::pin(filtered.next()));
        assert!(never.is_pending(), "nothing passes the filter");
        appended(&store, append("a", 1)).await;
    }
    assert_eq!(read, whole_log(&store).await[..7]);
    let from = read[4].position;
    let later = Subscription::new(store.clone()).after(from).into_stream().take(3);
    let later: Vec<_> = wait::within("three events", later.collect::<Vec<_>>()).await;
    let later: Vec<_> = later.into_iter().map(Result::unwrap).collect();
    assert_eq!(later, whole_log(&store).await[5..]);
}

pub async fn pj_25_a_reader_that_is_dropped_1_000_times_loses_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let poll = Duration::from_millis(5);
    let mut subscription = Subscription::new(store.clone()).with_page_events_max(3).with_poll_interval(poll);
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..50 {
                appended(&store, append("a", 4)).await;
                tokio::task::yield_now().await;
            }
        }
    });
    let mut read: Vec<EventId> = Vec::new();
    for drop in 0..DROPS {
        let mut next = Box::pin(subscription.next());
        for _ in 0..drop % 4 {
            if let std::task::Poll::Ready(event) = futures::poll!(&mut next) {
                read.push(event.unwrap().event_id);
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    writer.await.unwrap();
    while read.len() < 200 {
        read.push(wait::within("the next event", subscription.next()).await.unwrap().event_id);
    }
    assert_eq!(read, ids(&whole_log(&store).await));
    assert!(futures::poll!(Box::pin(subscription.next())).is_pending(), "and nothing twice");
}

/// A store that takes its time to answer a reader.
struct Slow {
    below: Arc<dyn Store>,
}

impl Slow {
    async fn hold(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Layer for Slow {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        self.hold().await;
        self.below.read(stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        self.hold().await;
        self.below.read_all(after, filter, limit).await
    }
}

/// What is read for a call goes on being read when it is dropped.
pub async fn pj_25_a_reader_that_is_always_dropped_before_a_page_is_there_gets_on(subject: &dyn Subject) {
    let store = store(subject).await;
    let first = appended(&store, append("a", 5)).await.position;
    appended(&store, append("a", 20)).await;
    let slow = Layered(Slow { below: store.clone() });
    // Behind the beginning of the stream: what comes before has to be looked up.
    let mut subscription = Subscription::new(slow).after(first).with_page_events_max(7);
    let mut read: Vec<EventId> = Vec::new();
    let rounds = async {
        while read.len() < 20 {
            let mut next = Box::pin(subscription.next());
            for _ in 0..3 {
                if let std::task::Poll::Ready(event) = futures::poll!(&mut next) {
                    read.push(event.unwrap().event_id);
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    };
    wait::within("a reader that is dropped to get on", rounds).await;
    assert_eq!(read, ids(&whole_log(&store).await[5..]));
}

pub async fn pj_17_a_slow_subscriber_holds_three_pages(subject: &dyn Subject) {
    let store = store(subject).await;
    for _ in 0..5 {
        appended(&store, append("a", 2_000)).await;
    }
    let reads = Arc::new(AtomicU32::new(0));
    let counted = Layered(Counted { below: store.clone(), reads: reads.clone() });
    let mut subscription = Subscription::new(counted).with_page_events_max(100);
    let mut read = Vec::new();
    while read.len() < 10_000 {
        read.push(subscription.next().await.unwrap().event_id);
        let pages = reads.load(Ordering::SeqCst) as usize;
        let taken = read.len().div_ceil(100);
        assert!((taken..=taken + 2).contains(&pages), "after {} events: {pages} pages", read.len());
        if read.len() % 2_500 == 0 {
            appended(&store, append("b", 1)).await;
        }
    }
    assert_eq!(read, ids(&whole_log(&store).await[..10_000]));
}

pub async fn subscribers_beside_writers_miss_nothing(subject: &dyn Subject) {
    const EVENTS: usize = 6 * 15 * 2;
    let store = store(subject).await;
    let readers = [1, 7, 1_000].map(|page| {
        let subscription = Subscription::new(store.clone())
            .with_page_events_max(page)
            .with_poll_interval(Duration::from_millis(5));
        let all = subscription.into_stream().take(EVENTS);
        tokio::spawn(all.map(|event| event.unwrap().event_id).collect::<Vec<_>>())
    });
    let writers = (0..6).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..15 {
                appended(&store, append(&writer.to_string(), 2)).await;
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|outcome| outcome.unwrap());
    let all = ids(&whole_log(&store).await);
    for reader in wait::within("the readers", join_all(readers)).await {
        assert_eq!(reader.unwrap(), all);
    }
}

pub async fn pj_20_a_subscription_stops_at_a_missing_event(subject: &dyn Subject) {
    let instance = instance(subject).await;
    let store = instance.store();
    appended(&store, append("b", 1)).await;
    appended(&store, append("a", 8)).await;
    let missing = filtered_log(&store, &Filter::default(), 100).await[5].clone();
    let (of, version) = (stream("a"), Version::new(5));
    assert_eq!((&missing.stream, missing.version), (&of, version));
    let fifth = Tamper::DeleteEvent { stream: of.clone(), version };
    promised(instance.tamper(fifth).await);
    for page in [1, 3, 100] {
        for after in [Position::START, missing.position] {
            let mut subscription = Subscription::new(store.clone()).with_page_events_max(page).after(after);
            let error = loop {
                match wait::within("an error", subscription.next()).await {
                    Ok(event) => assert!(event.position < missing.position, "read over the gap"),
                    Err(error) => break error,
                }
            };
            match error {
                StoreError::Gap { stream, expected, found, position } => {
                    assert_eq!((stream, expected, found), (of.clone(), version, version.plus(1)));
                    assert!(position > missing.position);
                }
                other => panic!("expected Gap, found {other:?}"),
            }
        }
    }
}
