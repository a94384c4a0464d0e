//! Who may move a checkpoint: one owner at a time, and no former one.

use crate::fixtures::{append, appended, projection, store, whole_log};
use crate::{Subject, wait};
use es_core::{
    CheckpointStore, Commit, CommitError, Cursor, Generation, GenerationState, Grant, Halt, Lease, Position,
    ProjectionId, Store, ViewStore, ViewWrite,
};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

use GenerationState::{Building, Kept, Live};

pub(super) fn lease(of: GenerationState) -> Lease {
    Lease {
        of,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration: Duration::from_secs(600),
        begin: None,
        takes_over: false,
    }
}

pub(super) async fn acquire(store: &Arc<dyn Store>, id: &ProjectionId, of: GenerationState) -> Grant {
    store.acquire(id, lease(of)).await.unwrap().expect("nobody else holds the lease")
}

pub(super) fn write(key: &str, view: &str) -> ViewWrite {
    ViewWrite { key: key.to_owned(), view: Some(view.to_owned()) }
}

fn deletion(key: &str) -> ViewWrite {
    ViewWrite { key: key.to_owned(), view: None }
}

/// A log of ten events, and their rows.
pub(super) async fn ten_rows(store: &Arc<dyn Store>) -> Vec<Cursor> {
    appended(store, append("a", 10)).await;
    let rows = whole_log(store).await;
    rows.iter().map(|row| Cursor { position: row.position, event_id: row.event_id }).collect()
}

/// Commits at the grant's cursor, which then moves.
pub(super) async fn commit(
    store: &Arc<dyn Store>,
    grant: &mut Grant,
    to: Cursor,
    writes: Vec<ViewWrite>,
) -> Result<(), CommitError> {
    store.commit(Commit { grant: grant.clone(), to: Some(to), writes, letters: Vec::new() }).await?;
    grant.cursor = Some(to);
    Ok(())
}

pub(super) async fn generations_of(store: &Arc<dyn Store>, id: &ProjectionId) -> Vec<Generation> {
    let all = store.generations().await.unwrap();
    all.into_iter().filter(|generation| generation.projection == *id).collect()
}

#[track_caller]
pub(super) fn assert_fenced<T: std::fmt::Debug>(outcome: Result<T, CommitError>) {
    assert!(matches!(outcome, Err(CommitError::Fenced { .. })), "expected Fenced, found {outcome:?}");
}

pub async fn a_lease_has_one_owner_until_it_is_released(subject: &dyn Subject) {
    let store = store(subject).await;
    let id = projection("leases");
    let race = (0..8).map(|_| {
        let (store, id) = (store.clone(), id.clone());
        tokio::spawn(async move { store.acquire(&id, lease(Live)).await.unwrap() })
    });
    let granted: Vec<_> = join_all(race).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(granted.len(), 1, "of 8 one is the owner");
    let grant = &granted[0];
    assert_eq!((grant.cursor, grant.position()), (None, Position::START));
    assert_eq!(generations_of(&store, &id).await[0].owner(), Some(grant.lease.owner));
    assert!(
        store.acquire(&id, lease(Building)).await.unwrap().is_some(),
        "another generation, another lease"
    );
    assert!(store.acquire(&projection("other"), lease(Live)).await.unwrap().is_some());
    let again = store.acquire(&id, grant.lease).await.unwrap().expect("its owner may ask again");
    assert!(again.epoch > grant.epoch, "every grant has a new epoch");
    store.release(grant, None).await.unwrap();
    assert_eq!(store.acquire(&id, lease(Live)).await.unwrap(), None, "a later grant's lease is left alone");
    store.release(&again, None).await.unwrap();
    assert_eq!(generations_of(&store, &id).await[0].owner(), None);
    assert!(acquire(&store, &id, Live).await.epoch > again.epoch);
}

pub async fn a_lease_ends_when_it_is_not_renewed(subject: &dyn Subject) {
    let store = store(subject).await;
    let id = projection("leases");
    let short = Lease { duration: Duration::from_millis(30), ..lease(Live) };
    let gone = store.acquire(&id, short).await.unwrap().unwrap();
    wait::until("the lease ends", async || store.acquire(&id, lease(Live)).await.unwrap().is_some()).await;
    assert_fenced(store.commit(Commit::new(gone, None)).await);
}

pub async fn a_lease_that_is_over_is_renewed_where_nobody_took_it(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("leases");
    let short = Lease { duration: Duration::from_millis(1), ..lease(Live) };
    let mut grant = store.acquire(&id, short).await.unwrap().unwrap();
    wait::until("the lease ends", async || generations_of(&store, &id).await[0].owner().is_none()).await;
    commit(&store, &mut grant, rows[0], vec![write("k", "1")]).await.expect("no clock fences anybody");
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("1"));
}

/// So many that a store may write them in another way than a few.
fn many(view: &str) -> Vec<ViewWrite> {
    (0..2_000).map(|number| write(&format!("key {number}"), view)).collect()
}

pub async fn a_former_builder_writes_nothing_however_much(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("fenced");
    let mut zombie = acquire(&store, &id, Building).await;
    let mut builder =
        store.acquire(&id, Lease { takes_over: true, ..lease(Building) }).await.unwrap().unwrap();
    assert_fenced(commit(&store, &mut zombie, rows[1], many("1")).await);
    let written = store.generation_views(builder.generation, None, 10_000).await.unwrap();
    assert_eq!(written, [], "not one of many");
    commit(&store, &mut builder, rows[2], many("2")).await.unwrap();
    assert_eq!(store.generation_views(builder.generation, None, 10_000).await.unwrap().len(), 2_000);
    store.discard(&builder).await.unwrap();
    assert_fenced(commit(&store, &mut builder, rows[3], many("3")).await);
}

pub async fn the_first_views_of_a_build_may_be_many_and_may_be_there(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let mut builder = acquire(&store, &projection("many"), Building).await;
    // The checkpoint stays at the start.
    for text in [r#""first""#, r#""a \\ and \" and \n and \u0000 and €""#] {
        let writes = many(text);
        let to_write = Commit { writes: writes.clone(), ..Commit::new(builder.clone(), None) };
        store.commit(to_write).await.unwrap();
        let mut wanted: Vec<_> =
            writes.into_iter().map(|write| (write.key, write.view.unwrap_or_default())).collect();
        wanted.sort();
        assert_eq!(store.generation_views(builder.generation, None, 10_000).await.unwrap(), wanted);
    }
    commit(&store, &mut builder, rows[0], many("3")).await.unwrap();
    assert!(
        store
            .generation_views(builder.generation, None, 10_000)
            .await
            .unwrap()
            .iter()
            .all(|(_, view)| view == "3")
    );
}

pub async fn a_former_owner_writes_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("fenced");
    let mut zombie = acquire(&store, &id, Live).await;
    commit(&store, &mut zombie, rows[1], vec![write("k", "1")]).await.unwrap();
    store.release(&zombie, None).await.unwrap();
    let mut owner = acquire(&store, &id, Live).await;
    assert_eq!(owner.cursor, Some(rows[1]), "the next owner goes on where the last one was");
    let halt = Halt { position: rows[0].position, cause: "a zombie".into() };
    assert_fenced(commit(&store, &mut zombie.clone(), rows[2], vec![write("k", "2")]).await);
    assert_fenced(commit(&store, &mut zombie.clone(), rows[1], vec![]).await);
    store.release(&zombie, Some(halt)).await.unwrap();
    let now = &generations_of(&store, &id).await[0];
    assert_eq!((now.cursor(), now.owner()), (Some(rows[1]), Some(owner.lease.owner)));
    assert_eq!(now.halt(), None);
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("1"));
    commit(&store, &mut owner, rows[2], vec![write("k", "3")]).await.unwrap();
    assert_fenced(commit(&store, &mut zombie, rows[3], vec![write("k", "4")]).await);
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("3"));
}

pub async fn a_former_builder_neither_swaps_nor_discards(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("fenced");
    let mut zombie = acquire(&store, &id, Building).await;
    commit(&store, &mut zombie, rows[1], vec![write("k", "1")]).await.unwrap();
    store.release(&zombie, None).await.unwrap();
    let owner = acquire(&store, &id, Building).await;
    assert_eq!(
        (owner.generation, owner.cursor),
        (zombie.generation, Some(rows[1])),
        "a build is gone on with"
    );
    assert_fenced(store.swap(&zombie).await);
    assert_fenced(store.discard(&zombie).await);
    assert_eq!(generations_of(&store, &id).await.len(), 1);
    store.swap(&owner).await.unwrap();
    assert_fenced(store.swap(&owner).await);
    assert_fenced(store.discard(&owner).await);
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("1"));
    let live = acquire(&store, &id, Live).await;
    assert_fenced(store.discard(&live).await);
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("1"), "the live one is never discarded");
}

pub async fn views_and_checkpoint_move_together(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("together");
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[4], vec![write("k", "5"), write("gone", "1")]).await.unwrap();
    // The same epoch, but another place than the checkpoint is at: a batch that was committed before.
    for from in [None, Some(rows[3]), Some(rows[5]), Some(Cursor { event_id: rows[0].event_id, ..rows[4] })] {
        let elsewhere = Grant { cursor: from, ..grant.clone() };
        let commit = Commit {
            grant: elsewhere,
            to: Some(rows[6]),
            writes: vec![write("k", "7"), deletion("gone")],
            letters: Vec::new(),
        };
        assert_fenced(store.commit(commit).await);
    }
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("5"));
    assert!(store.view(&id, "gone").await.unwrap().is_some());
    assert_eq!(generations_of(&store, &id).await[0].cursor(), Some(rows[4]));
    commit(&store, &mut grant, rows[4], Vec::new()).await.expect("without views and movement it renews");
    commit(&store, &mut grant, rows[9], vec![deletion("gone"), deletion("never")]).await.unwrap();
    assert_eq!(store.view(&id, "gone").await.unwrap(), None);
    assert_eq!(generations_of(&store, &id).await[0].position(), rows[9].position);
}

pub async fn a_checkpoint_never_goes_back(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("forwards");
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[4], vec![write("k", "5")]).await.unwrap();
    for to in [None, Some(rows[3])] {
        let backwards =
            Commit { grant: grant.clone(), to, writes: vec![write("k", "7")], letters: Vec::new() };
        assert!(store.commit(backwards).await.is_err(), "a checkpoint never goes back");
    }
    assert_eq!(generations_of(&store, &id).await[0].cursor(), Some(rows[4]));
    assert_eq!(store.view(&id, "k").await.unwrap().as_deref(), Some("5"));
}

pub async fn a_halt_is_kept_until_somebody_begins_again(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("halted");
    let mut grant = acquire(&store, &id, Live).await;
    commit(&store, &mut grant, rows[0], Vec::new()).await.unwrap();
    let halt = Halt { position: rows[1].position, cause: "'; no key \u{1f600}\0".into() };
    store.release(&grant, Some(halt.clone())).await.unwrap();
    let halted = &generations_of(&store, &id).await[0];
    assert_eq!((halted.halt(), halted.owner(), halted.cursor()), (Some(&halt), None, Some(rows[0])));
    assert_eq!((halted.epoch(), halted.state, halted.id), (grant.epoch, Live, grant.generation));
    store.release(&grant, None).await.unwrap();
    assert!(generations_of(&store, &id).await[0].halt().is_some(), "giving it back twice forgets nothing");
    acquire(&store, &id, Live).await;
    assert_eq!(generations_of(&store, &id).await[0].halt(), None);
}

pub async fn a_swap_replaces_the_live_generation(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("swapped");
    let mut live = acquire(&store, &id, Live).await;
    commit(&store, &mut live, rows[5], vec![write("a", "1"), write("b", "1")]).await.unwrap();
    let mut building = acquire(&store, &id, Building).await;
    assert_ne!(building.generation, live.generation);
    assert_eq!(building.cursor, None, "a build begins at the start");
    commit(&store, &mut building, rows[4], vec![write("b", "2"), write("c", "2")]).await.unwrap();
    assert_eq!(store.view(&id, "b").await.unwrap().as_deref(), Some("1"), "a build is not seen");
    assert_eq!(store.generation_views(building.generation, None, 9).await.unwrap().len(), 2);
    match store.swap(&building).await {
        Err(CommitError::Behind { live }) => assert_eq!(live, rows[5].position),
        other => panic!("the live one has read further, found {other:?}"),
    }
    assert_eq!(store.view(&id, "b").await.unwrap().as_deref(), Some("1"));
    commit(&store, &mut building, rows[7], Vec::new()).await.unwrap();
    store.swap(&building).await.unwrap();
    let views = store.views(&id, None, 9).await.unwrap();
    assert_eq!(views, [("b", "2"), ("c", "2")].map(|(key, view)| (key.to_owned(), view.to_owned())));
    let left = generations_of(&store, &id).await;
    assert_eq!(left.len(), 2, "the old one is kept: {left:?}");
    assert_eq!((left[0].state, left[0].cursor(), left[0].owner()), (Live, Some(rows[7]), None));
    assert_eq!((left[1].state, left[1].cursor(), left[1].owner()), (Kept, Some(rows[5]), None));
    assert_fenced(commit(&store, &mut live, rows[8], vec![write("a", "3")]).await);
    assert_fenced(commit(&store, &mut building, rows[8], vec![write("a", "3")]).await);
    assert_eq!(acquire(&store, &id, Live).await.cursor, Some(rows[7]));
    assert_eq!(store.views(&id, None, 9).await.unwrap(), views);
}

pub async fn a_discarded_generation_is_gone(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let id = projection("discarded");
    let mut live = acquire(&store, &id, Live).await;
    commit(&store, &mut live, rows[0], vec![write("a", "1")]).await.unwrap();
    let mut building = acquire(&store, &id, Building).await;
    commit(&store, &mut building, rows[3], vec![write("a", "2")]).await.unwrap();
    store.discard(&building).await.unwrap();
    assert_fenced(commit(&store, &mut building, rows[4], vec![write("a", "3")]).await);
    assert_fenced(store.swap(&building).await);
    assert_eq!(generations_of(&store, &id).await.len(), 1);
    assert!(store.generation_views(building.generation, None, 9).await.unwrap().is_empty());
    let next = acquire(&store, &id, Building).await;
    assert_ne!(next.generation, building.generation, "a number is never used again");
    assert_eq!(next.cursor, None);
    commit(&store, &mut live, rows[1], vec![write("a", "4")]).await.expect("the live one was left alone");
    assert_eq!(store.view(&id, "a").await.unwrap().as_deref(), Some("4"));
}

pub async fn generations_are_listed_by_projection(subject: &dyn Subject) {
    let store = store(subject).await;
    assert!(store.generations().await.unwrap().is_empty());
    let (a1, a2, b) = (projection("a"), ProjectionId::new("a", 2).unwrap(), projection("b"));
    for (id, of) in [(&b, Live), (&a2, Building), (&a1, Live), (&a1, Building)] {
        acquire(&store, id, of).await;
    }
    let found = store.generations().await.unwrap();
    let projections: Vec<_> = found.iter().map(|generation| generation.projection.clone()).collect();
    assert_eq!(projections, [a1.clone(), a1.clone(), a2, b]);
    let states: Vec<_> =
        found.iter().filter(|generation| generation.projection == a1).map(|one| one.state).collect();
    assert!(states.contains(&Live) && states.contains(&Building));
}
