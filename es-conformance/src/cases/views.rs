//! Views: the exact text, by the bytes of their keys.

use super::checkpoints::{acquire, commit, ten_rows, write};
use crate::Subject;
use crate::fixtures::{for_all, projection, store};
use es_core::{GenerationId, GenerationState, ProjectionId, Store, ViewStore, ViewWrite};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use GenerationState::Live;

/// The pages of the live generation.
async fn paged(store: &Arc<dyn Store>, id: &ProjectionId, limit: usize) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = store.views(id, after.as_deref(), limit).await.unwrap();
        assert!(page.len() <= limit);
        let full = page.len() == limit;
        all.extend(page);
        if !full {
            return all;
        }
    }
}

pub async fn a_view_is_the_exact_text_that_was_written(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("texts");
    let texts = [
        "null",
        "-0.0",
        "1E2",
        "18446744073709551616",
        r#"{"b":1,"a":2,"a":3}"#,
        " { } ",
        "\"\\u0000\"",
        "\"\u{1f600}\"",
        "[1.0,1.00]",
    ];
    let writes = texts.iter().enumerate().map(|(index, text)| write(&index.to_string(), text)).collect();
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[0], writes).await.unwrap();
    for (index, text) in texts.iter().enumerate() {
        assert_eq!(store.view(&id, &index.to_string()).await.unwrap().as_deref(), Some(*text));
    }
    let listed = store.views(&id, None, 100).await.unwrap();
    assert!(listed.iter().map(|(_, view)| view.as_str()).eq(texts));
    let long = format!("\"{}\"", "x".repeat(3_000_000));
    commit(&store, &mut grant, rows[1], vec![write("long", &long)]).await.unwrap();
    assert_eq!(store.view(&id, "long").await.unwrap(), Some(long));
}

pub async fn keys_are_ordered_by_their_bytes(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("ordered");
    let keys = [
        "10",
        "9",
        "1",
        "a",
        "B",
        "b",
        "A",
        " ",
        "a ",
        "a-b",
        "ab",
        "a_b",
        "é",
        "e\u{301}",
        "z",
        "ß",
        "ss",
        "\u{1f600}",
        "\u{ffff}",
        "\u{e000}",
        "%",
        "_",
        "~",
        "-1",
        "+1",
        "01",
    ];
    let writes = keys.iter().map(|key| write(key, "0")).collect();
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[0], writes).await.unwrap();
    let mut sorted = keys.map(|key| (key.to_owned(), "0".to_owned()));
    sorted.sort_unstable();
    for limit in [1, 2, 5, keys.len(), 100] {
        assert_eq!(paged(&store, &id, limit).await, sorted, "in pages of {limit}");
    }
    let page = store.views(&id, Some("a"), 2).await.unwrap();
    let behind: Vec<_> = page.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(behind, ["a ", "a-b"], "a key that is there is not given again");
    let page = store.views(&id, Some("a!"), 1).await.unwrap();
    assert_eq!(page[0].0, "a-b", "a key that is not there is a place as well");
    assert!(store.views(&id, Some("\u{10ffff}"), 9).await.unwrap().is_empty());
    assert_eq!(store.generation_views(grant.generation, None, 100).await.unwrap(), sorted);
}

pub async fn views_are_loaded_in_the_order_of_their_keys(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("loaded");
    let mut grant = acquire(&store, &id, Live).await;
    let writes = (0..500).map(|key| write(&key.to_string(), &(key * 2).to_string())).collect();
    commit(&store, &mut grant, rows[0], writes).await.unwrap();
    let keys: Vec<String> = (0..1_000).rev().map(|key: u32| key.to_string()).collect();
    let loaded = store.load_views(grant.generation, &keys).await.unwrap();
    let expected = keys.iter().map(|key| {
        let number: u32 = key.parse().unwrap();
        (number < 500).then(|| (number * 2).to_string())
    });
    assert_eq!(loaded, expected.collect::<Vec<_>>());
    let twice = ["7", "none", "7"].map(str::to_owned);
    let loaded = store.load_views(grant.generation, &twice).await.unwrap();
    assert_eq!(loaded, [Some("14".to_owned()), None, Some("14".to_owned())]);
    assert!(store.load_views(grant.generation, &[]).await.unwrap().is_empty());
    let nowhere = GenerationId::new(grant.generation.value() + 1_000);
    assert_eq!(store.load_views(nowhere, &twice).await.unwrap(), [None, None, None]);
}

pub async fn a_projection_without_views_has_none(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let (id, next) = (projection("versions"), ProjectionId::new("versions", 2).unwrap());
    assert_eq!(store.view(&id, "k").await.unwrap(), None);
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[0], vec![write("k", "1")]).await.unwrap();
    assert_eq!(store.view(&next, "k").await.unwrap(), None, "another version has views of its own");
    assert!(store.views(&next, None, 9).await.unwrap().is_empty());
    let mut grant = acquire(&store, &next, Live).await;
    commit(&store, &mut grant, rows[0], vec![write("k", "2")]).await.unwrap();
    let both = [store.view(&id, "k").await.unwrap(), store.view(&next, "k").await.unwrap()];
    assert_eq!(both, [Some("1".to_owned()), Some("2".to_owned())]);
}

/// Batches of writes; `None` deletes.
fn batches() -> impl Strategy<Value = Vec<Vec<(String, Option<u8>)>>> {
    let write = ("[a-cé]{1,2}", prop::option::weighted(0.7, any::<u8>()));
    prop::collection::vec(prop::collection::vec(write, 0..6), 1..9)
}

pub async fn random_writes_and_deletions_leave_what_a_map_has(subject: &dyn Subject) {
    for_all(24, batches(), async |batches| {
        let store = store(subject).await;
        let rows = ten_rows(&store).await;
        let id = projection("random");
        let mut grant = acquire(&store, &id, Live).await;
        let mut map = BTreeMap::new();
        for (row, batch) in rows.iter().zip(batches) {
            let batch: BTreeMap<_, _> = batch.into_iter().collect();
            for (key, view) in &batch {
                match view {
                    Some(view) => map.insert(key.clone(), view.to_string()),
                    None => map.remove(key),
                };
            }
            let writes = batch
                .into_iter()
                .map(|(key, view)| ViewWrite { key, view: view.map(|view| view.to_string()) });
            commit(&store, &mut grant, *row, writes.collect()).await.unwrap();
            assert_eq!(paged(&store, &id, 3).await, map.clone().into_iter().collect::<Vec<_>>());
        }
    });
}
