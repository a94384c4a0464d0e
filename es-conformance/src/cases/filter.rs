//! Readers that want some of the log.

use crate::Subject;
use crate::fixtures::{appended, event, filtered_log, ids, store, whole_log};
use es_core::{Append, EventStore, Expected, Filter, Position, Store, StreamId};
use std::sync::Arc;

const CATEGORIES: [&str; 5] = ["a", "a_b", "axb", "ab", "b"];
const NAMES: [&str; 8] = ["a.x", "a.y", "a_b.x", "axb.x", "a", "ab.x", "a.x.y", "a.xy"];

/// Every name in every category, several times, mixed.
async fn mixed_log(subject: &dyn Subject) -> Arc<dyn Store> {
    let store = store(subject).await;
    for round in 0..5 {
        for (index, category) in CATEGORIES.iter().enumerate() {
            let stream = StreamId::new(category, round % 2).unwrap();
            let names = (0..NAMES.len()).map(|name| NAMES[(name * 3 + index + round) % NAMES.len()]);
            let events = names.map(|name| event(name, "{}")).collect();
            appended(&store, Append::new(stream, Expected::Any, events)).await;
        }
    }
    store
}

fn filters() -> Vec<Filter> {
    let all = Filter::default;
    vec![
        all(),
        all().category("a"),
        all().category("a_b"),
        all().category("a").category("b"),
        all().category("nobody"),
        all().name("a.x"),
        all().name("a"),
        all().name("a_b.x").name("axb.x"),
        all().name("a.none"),
        all().names_under("a"),
        all().names_under("a_b"),
        all().names_under("a.x"),
        all().names_under("nothing"),
        all().names_under("a").name("ab.x"),
        all().category("a_b").names_under("a").name("axb.x"),
        all().category("nobody").name("a.x"),
        all().category("%").names_under("%").name("'"),
    ]
}

pub async fn a_filter_gives_what_it_wants_and_nothing_else(subject: &dyn Subject) {
    let store = mixed_log(subject).await;
    let log = whole_log(&store).await;
    assert_eq!(log.len(), 5 * CATEGORIES.len() * NAMES.len());
    for filter in filters() {
        let wanted = ids(log.iter().filter(|event| filter.wants(&event.stream, &event.name)));
        for limit in [1, 3, 40, 1_000] {
            assert_eq!(ids(&filtered_log(&store, &filter, limit).await), wanted, "{filter:?} by {limit}");
        }
    }
}

pub async fn a_filter_reads_on_from_any_position(subject: &dyn Subject) {
    let store = mixed_log(subject).await;
    let log = whole_log(&store).await;
    let filter = Filter::default().category("a").category("axb").names_under("a");
    for start in log.iter().step_by(17) {
        let page = store.read_all(start.position, &filter, 10).await.unwrap();
        let behind = log.iter().filter(|event| event.position > start.position);
        let wanted = behind.filter(|event| filter.wants(&event.stream, &event.name)).take(10);
        assert_eq!(ids(&page.events), ids(wanted), "behind {}", start.position);
    }
}

pub async fn pj_14_a_filter_that_matches_nothing_still_advances(subject: &dyn Subject) {
    let store = store(subject).await;
    for _ in 0..4 {
        appended(&store, crate::fixtures::append("a", 5_000)).await;
    }
    let head = store.head().await.unwrap();
    let filter = Filter::default().name("account.none");
    let (mut after, mut pages) = (Position::START, 0);
    loop {
        let page = store.read_all(after, &filter, 100).await.unwrap();
        assert!(page.events.is_empty());
        pages += 1;
        let cursor = page.cursor.expect("what was looked at is given back, though nothing matched");
        assert!(cursor.position > after && pages <= 20_000, "every page leads on");
        after = cursor.position;
        if !page.more {
            assert_eq!(Some(cursor), head, "nobody looks at these rows again");
            break;
        }
    }
    let page = store.read_all(after, &filter, 100).await.unwrap();
    assert!(page.events.is_empty() && !page.more);
}
