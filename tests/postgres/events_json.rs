//! The log as people see it in SQL.

use super::scene::{Scene, append, event, run, stream};
use es_core::{Append, EventStore, Expected};
use sqlx::Row;

const ROWS: &str = "SELECT stream, version, name, payload::text, payload_text, metadata::text
    FROM es.events_json ORDER BY position";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_shown_as_json_also_where_a_payload_is_none_to_the_server() {
    let Some(scene) = Scene::new().await else { return };
    let store = scene.store().await;
    let payloads = [
        (r#"{"b":1,"a":[true,null]}"#, Some(r#"{"a": [true, null], "b": 1}"#)),
        (r#"{"text":"\u0000"}"#, None),
    ];
    for (payload, _) in payloads {
        let append = Append::new(stream("a"), Expected::Any, vec![event(payload)]);
        store.append(append).await.unwrap();
    }
    // What the store itself would refuse: numbers without end, bytes that are no text.
    let by_hand = "INSERT INTO es.events (position, version, recorded_at, schema_version, event_id, stream, name, payload)
        SELECT nextval('es.position_seq'), 2 + n, now(), 1, gen_random_uuid(), 'account-a', 'account.changed', payload
        FROM (VALUES (1, '{\"n\":1e400}'::bytea), (2, '{\"n\":1e999999}'), (3, '\\xff00'), (4, '{')) AS v (n, payload)";
    run(&mut scene.connect().await, by_hand).await;
    store.append(append("b", 1)).await.unwrap();

    let rows = sqlx::query(ROWS).fetch_all(&mut scene.connect().await).await.unwrap();
    let shown: Vec<(Option<String>, Option<String>)> =
        rows.iter().map(|row| (row.get(3), row.get(4))).collect();
    assert_eq!(shown.len(), 7, "every event is shown");
    for ((payload, json), shown) in payloads.iter().zip(&shown) {
        assert_eq!(shown, &(json.map(str::to_owned), Some((*payload).to_owned())));
    }
    assert!(shown[2].0.as_ref().is_some_and(|json| json.len() > 400), "a number that is long is shown");
    assert_eq!(shown[3], (None, Some("{\"n\":1e999999}".into())), "a number without end is text");
    assert_eq!(shown[4], (None, None), "bytes that are no text are nothing");
    assert_eq!(shown[5], (None, Some("{".into())));
    let last = rows.last().unwrap();
    let found: (&str, i64, &str) = (last.get(0), last.get(1), last.get(2));
    assert_eq!(found, ("account-b", 1, "account.changed"));
}
