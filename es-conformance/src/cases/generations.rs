//! What is left of a read model that was replaced: it is kept, and can be put back or dropped.

use super::checkpoints::{acquire, assert_fenced, commit, generations_of, lease, ten_rows, write};
use crate::Subject;
use crate::fixtures::{projection, store};
use es_core::{CheckpointStore, Cursor, GenerationId, GenerationState, ProjectionId, Store, ViewStore};
use std::sync::Arc;

use GenerationState::{Building, Kept, Live};

/// Builds a generation of one view, and makes it the live one.
async fn swapped_in(store: &Arc<dyn Store>, id: &ProjectionId, to: Cursor, view: &str) -> GenerationId {
    let mut building = acquire(store, id, Building).await;
    commit(store, &mut building, to, vec![write("a", view)]).await.unwrap();
    store.swap(&building).await.unwrap();
    building.generation
}

pub async fn what_was_replaced_is_kept_and_can_be_rolled_back_to(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("rolled");
    let view = async || store.view(&id, "a").await.unwrap();
    let found = async || -> Vec<_> {
        let all = generations_of(&store, &id).await;
        all.into_iter().map(|one| (one.id, one.state, one.cursor(), one.paused)).collect()
    };
    assert!(!store.roll_back(&id).await.unwrap(), "there is nothing at all");
    let first = swapped_in(&store, &id, rows[1], "1").await;
    assert!(!store.roll_back(&id).await.unwrap(), "nothing was replaced yet");
    let second = swapped_in(&store, &id, rows[3], "2").await;
    assert_eq!(found().await, [(second, Live, Some(rows[3]), false), (first, Kept, Some(rows[1]), false)]);
    let mut zombie = acquire(&store, &id, Live).await;
    let none = store.acquire(&id, lease(Kept)).await.unwrap();
    assert_eq!(none, None, "nobody follows the log for one that is kept");
    assert!(store.roll_back(&id).await.unwrap());
    assert_eq!(view().await.as_deref(), Some("1"));
    assert_eq!(found().await, [(first, Live, Some(rows[1]), false), (second, Kept, Some(rows[3]), false)]);
    assert_fenced(commit(&store, &mut zombie, rows[4], vec![write("a", "zombie")]).await);
    let mut live = acquire(&store, &id, Live).await;
    commit(&store, &mut live, rows[2], vec![write("a", "1+")]).await.unwrap();
    assert!(store.pause(&id).await.unwrap());
    assert!(store.roll_back(&id).await.unwrap(), "back again");
    assert_eq!(view().await.as_deref(), Some("2"));
    assert_eq!(found().await, [(second, Live, Some(rows[3]), true), (first, Kept, Some(rows[2]), false)]);
    assert!(store.resume(&id).await.unwrap());
    let third = swapped_in(&store, &id, rows[5], "3").await;
    assert_eq!(found().await, [(third, Live, Some(rows[5]), false), (second, Kept, Some(rows[3]), false)]);
    assert!(store.generation_views(first, None, 9).await.unwrap().is_empty(), "one is kept, not two");
}

pub async fn a_generation_can_be_dropped_whoever_holds_it(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let (id, other) = (projection("dropped"), projection("other"));
    let mut elsewhere = acquire(&store, &other, Live).await;
    swapped_in(&store, &id, rows[1], "1").await;
    let second = swapped_in(&store, &id, rows[2], "2").await;
    let mut building = acquire(&store, &id, Building).await;
    commit(&store, &mut building, rows[3], vec![write("a", "3")]).await.unwrap();
    let mut live = acquire(&store, &id, Live).await;
    assert!(store.drop_generation(&id, Kept).await.unwrap());
    assert!(!store.drop_generation(&id, Kept).await.unwrap(), "there is none any more");
    assert!(!store.roll_back(&id).await.unwrap());
    assert!(store.drop_generation(&id, Building).await.unwrap());
    assert_fenced(commit(&store, &mut building, rows[4], vec![write("a", "4")]).await);
    assert_eq!(store.view(&id, "a").await.unwrap().as_deref(), Some("2"));
    assert!(store.drop_generation(&id, Live).await.unwrap());
    assert_eq!(store.view(&id, "a").await.unwrap(), None);
    assert!(store.generation_views(second, None, 9).await.unwrap().is_empty());
    assert_fenced(commit(&store, &mut live, rows[5], vec![write("a", "5")]).await);
    assert_eq!(generations_of(&store, &id).await, []);
    commit(&store, &mut elsewhere, rows[1], Vec::new()).await.expect("others are left alone");
    assert_eq!(acquire(&store, &id, Live).await.cursor, None, "it begins anew");
}
