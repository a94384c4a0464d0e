//! Dividing a generation anew: its checkpoints are cut and put together, and who had a grant has none.

use super::checkpoints::{commit, generations_of, lease, ten_rows, write};
use super::projector::{live, views};
use crate::Subject;
use crate::fixtures::{Balances, projection, store};
use es_core::{
    CheckpointStore, CommitError, GenerationState, Grant, Lease, Projection, ProjectionId, Shard, Slices,
    Store,
};
use std::sync::Arc;

use GenerationState::{Building, Live};

fn id() -> ProjectionId {
    projection(Balances::NAME)
}

/// The grant of a shard, which nobody else holds.
async fn granted(store: &Arc<dyn Store>, shard: Shard) -> Grant {
    let granted = store.acquire(&id(), Lease { shard, ..lease(Live) }).await.unwrap();
    granted.expect("nobody else holds the lease")
}

fn shards(of: u16) -> Vec<Shard> {
    Shard::all(of).collect()
}

pub async fn shards_that_become_one_are_brought_to_one_row_first(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let mut grants = Vec::new();
    for shard in shards(4) {
        grants.push(granted(&store, shard).await);
    }
    for (grant, row) in grants.iter_mut().zip([4, 1, 6, 6]) {
        assert_eq!((grant.cursor, grant.until), (None, None));
        commit(&store, grant, rows[row], Vec::new()).await.unwrap();
    }
    assert_eq!(store.acquire(&id(), lease(Live)).await.unwrap(), None, "it has four shards");
    assert!(store.divide(&id(), Live, 2).await.unwrap());
    for grant in &mut grants {
        assert_fenced(commit(&store, grant, rows[8], Vec::new()).await);
    }
    let [left, right] = shards(2)[..] else { panic!() };
    let whole = granted(&store, right).await;
    assert_eq!(
        (whole.slices, whole.cursor, whole.until),
        (right.slices(), Some(rows[6]), None),
        "they were equal"
    );
    let mut part = granted(&store, left).await;
    assert_eq!((part.slices, part.cursor, part.until), (shards(4)[1].slices(), Some(rows[1]), Some(rows[4])));
    let other = Lease { shard: left, ..lease(Live) };
    assert_eq!(store.acquire(&id(), other).await.unwrap(), None, "a part of it is held");
    commit(&store, &mut part, rows[4], vec![write("b", "1")]).await.unwrap();
    store.release(&part, None).await.unwrap();
    let whole = granted(&store, left).await;
    assert_eq!((whole.slices, whole.cursor, whole.until), (left.slices(), Some(rows[4]), None));
    let found = live(&store, Balances::NAME).await;
    let found: Vec<_> = found.checkpoints.iter().map(|one| (one.slices, one.cursor)).collect();
    assert_eq!(found, [(left.slices(), Some(rows[4])), (right.slices(), Some(rows[6]))]);
}

fn assert_fenced(outcome: Result<(), CommitError>) {
    assert!(matches!(outcome, Err(CommitError::Fenced { .. })), "{outcome:?}");
}

pub async fn a_grant_from_before_a_division_writes_nothing_ever_after(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    assert!(!store.divide(&id(), Live, 4).await.unwrap(), "there is none");
    let mut former = vec![granted(&store, Shard::WHOLE).await];
    for count in [4, 1, 2, 1024, 3, 3, 1, 4] {
        let before = live(&store, Balances::NAME).await;
        assert!(store.divide(&id(), Live, count).await.unwrap());
        let now = live(&store, Balances::NAME).await;
        assert_eq!(now.shards, count);
        assert_tiled(&now.checkpoints.iter().map(|one| one.slices).collect::<Vec<_>>());
        assert_eq!(now.id, before.id);
        if before.shards != count {
            for grant in &mut former {
                assert_fenced(commit(&store, grant, rows[9], vec![write("a", "1")]).await);
                store.release(grant, None).await.unwrap();
                assert_fenced(store.commit(es_core::Commit::new(grant.clone(), grant.cursor)).await);
            }
        }
        for shard in shards(count).into_iter().take(4) {
            former.push(granted_by_force(&store, shard).await);
        }
    }
    assert!(views::<Balances>(&store).await.is_empty());
}

async fn granted_by_force(store: &Arc<dyn Store>, shard: Shard) -> Grant {
    let forced = Lease { shard, takes_over: true, ..lease(Live) };
    store.acquire(&id(), forced).await.unwrap().expect("nobody has paused it")
}

fn assert_tiled(slices: &[Slices]) {
    let mut end = 0;
    for one in slices {
        assert_eq!(one.first(), end);
        end = one.end();
    }
    assert_eq!(end, Slices::COUNT);
}

pub async fn a_swap_is_of_shards_at_one_row_and_divides_as_before(subject: &dyn Subject) {
    let store = store(subject).await;
    let rows = ten_rows(&store).await;
    let mut lives = Vec::new();
    for (shard, row) in shards(2).into_iter().zip([3, 5]) {
        let mut grant = granted(&store, shard).await;
        commit(&store, &mut grant, rows[row], Vec::new()).await.unwrap();
        lives.push(grant);
    }
    let building = |shard| Lease { shard, ..lease(Building) };
    let mut built = Vec::new();
    for shard in shards(3) {
        let mut grant = store.acquire(&id(), building(shard)).await.unwrap().unwrap();
        commit(&store, &mut grant, rows[4], Vec::new()).await.unwrap();
        built.push(grant);
    }
    let behind = store.swap(&built[2]).await;
    assert!(matches!(behind, Err(CommitError::Behind { live }) if live == rows[5].position), "{behind:?}");
    for number in [2, 0, 1] {
        commit(&store, &mut built[number], rows[5], Vec::new()).await.unwrap();
        if number != 1 {
            // Others are not as far.
            assert_fenced(store.swap(&built[number]).await);
        }
    }
    let taken = Lease { takes_over: true, ..building(shards(3)[0]) };
    store.acquire(&id(), taken).await.unwrap().unwrap();
    assert_fenced(store.swap(&built[0]).await);
    store.swap(&built[2]).await.unwrap();
    for grant in &mut lives {
        assert_fenced(commit(&store, grant, rows[9], Vec::new()).await);
    }
    let [now, kept] = &generations_of(&store, &id()).await[..] else { panic!() };
    let places = |of: &es_core::Generation| of.checkpoints.iter().map(|one| one.cursor).collect::<Vec<_>>();
    assert_eq!((now.shards, places(now)), (2, vec![Some(rows[5]); 4]), "cut at both kinds of bounds");
    assert_tiled(&now.checkpoints.iter().map(|one| one.slices).collect::<Vec<_>>());
    assert_eq!((kept.shards, places(kept)), (2, vec![Some(rows[3]), Some(rows[5])]));
    assert!(store.roll_back(&id()).await.unwrap());
    let grant = granted(&store, shards(2)[0]).await;
    assert_eq!(grant.cursor, Some(rows[3]), "it goes on where its shards were");
}
