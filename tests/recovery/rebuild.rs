//! The `rebuild` example on stores that outlive it, and what it has left there, counted by other means.

use super::kill::example;
use es_cli::StoreUrl;
use es_core::{EventStore, Filter, Position, ProjectionId, Store, ViewStore};
use serde_json::Value;
use std::collections::BTreeMap;
use tests::Database;

/// Sales, cents and the largest sale of each till, from the bytes of the log.
async fn counted(store: &dyn Store) -> BTreeMap<String, (u64, u64, u64)> {
    let mut tills = BTreeMap::new();
    let mut after = Position::START;
    loop {
        let page = EventStore::read_all(store, after, &Filter::default(), 1_000).await.unwrap();
        let Some(cursor) = page.cursor else { return tills };
        after = cursor.position;
        for event in page.events {
            let sold: Value = serde_json::from_slice(event.data.as_bytes()).unwrap();
            let cents = sold["cents"].as_u64().unwrap();
            let (sales, total, largest) = tills.entry(event.stream.key().to_owned()).or_insert((0, 0, 0));
            *sales += 1;
            *total += cents;
            *largest = cents.max(*largest);
        }
    }
}

async fn both_versions_are_exact_on(url: &str) {
    let ran = example("rebuild").args(["--store", url]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let store = StoreUrl::from(url).open().await.unwrap();
    let tills = counted(&*store).await;
    assert_eq!(tills.len(), 6);
    for version in [1, 2] {
        let takings = ProjectionId::new("takings", version).unwrap();
        let views = store.views(&takings, None, 100).await.unwrap();
        let expected = tills.iter().map(|(key, (sales, cents, largest))| {
            let more = if version == 1 { String::new() } else { format!(r#","largest":{largest}"#) };
            (key.clone(), format!(r#"{{"sales":{sales},"cents":{cents}{more}}}"#))
        });
        assert_eq!(views, expected.collect::<Vec<_>>(), "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_of_a_read_model_are_exact_after_one_was_built_under_load() {
    let folder = tempfile::tempdir().unwrap();
    both_versions_are_exact_on(&format!("sqlite:{}", folder.path().join("rebuild.db").display())).await;
    if tests::database::server().is_some() {
        both_versions_are_exact_on(Database::create().await.url()).await;
    }
}
