//! Generations that are divided into shards.

use super::common::*;
use es_core::*;
use es_sqlite::SqliteStore;
use sqlx::Executor;
use std::time::Duration;
use uuid::Uuid;

const LIVE: GenerationState = GenerationState::Live;
const BUILDING: GenerationState = GenerationState::Building;

fn projection() -> ProjectionId {
    ProjectionId::new("balances", 1).unwrap()
}

fn cursor(position: u64) -> Option<Cursor> {
    let event_id = EventId::new(Uuid::from_u128(position.into()));
    Some(Cursor { position: Position::new(position), event_id })
}

fn lease(of: GenerationState, number: u16, count: u16) -> Lease {
    let shard = Shard::new(number, count).unwrap();
    let duration = Duration::from_secs(3_600);
    Lease { of, shard, owner: Uuid::now_v7(), duration, begin: None, takes_over: false }
}

async fn acquire(store: &SqliteStore, lease: Lease) -> Grant {
    store.acquire(&projection(), lease).await.unwrap().unwrap()
}

async fn refused(store: &SqliteStore, lease: Lease) {
    assert_eq!(store.acquire(&projection(), lease).await.unwrap(), None);
}

/// Commits, and gives the grant that goes on from there.
async fn advance(store: &SqliteStore, grant: &Grant, to: u64) -> Grant {
    store.commit(Commit::new(grant.clone(), cursor(to))).await.unwrap();
    Grant { cursor: cursor(to), ..grant.clone() }
}

async fn park(store: &SqliteStore, grant: &Grant, queue: LetterQueue) {
    let letter = Parked {
        place: LetterPlace { queue, position: Position::new(1) },
        stream: stream("a"),
        version: Version::new(1),
        name: "account.deposited".into(),
        cause: Some("poison".into()),
    };
    let letters = vec![LetterChange::Park(letter)];
    store.commit(Commit { letters, ..Commit::new(grant.clone(), grant.cursor) }).await.unwrap();
}

async fn divide(store: &SqliteStore, count: u16) {
    assert!(store.divide(&projection(), LIVE, count).await.unwrap());
}

async fn all_fenced(store: &SqliteStore, grants: &[Grant]) {
    for grant in grants {
        let written = store.commit(Commit::new(grant.clone(), grant.cursor)).await;
        assert!(matches!(written, Err(CommitError::Fenced { .. })), "{grant:?}: {written:?}");
        store.release(grant, Some(Halt { position: Position::START, cause: "late".into() })).await.unwrap();
    }
}

/// Into how many shards the live generation is divided, and the first slice, end and position of each checkpoint.
async fn layout(store: &SqliteStore) -> (u16, Vec<(u16, u16, u64)>) {
    let live = store.generations().await.unwrap().remove(0);
    assert_eq!((live.state, live.halt()), (LIVE, None));
    let place = |found: &Checkpoint| (found.slices.first(), found.slices.end(), found.position().value());
    (live.shards, live.checkpoints.iter().map(place).collect())
}

#[tokio::test]
async fn shards_are_divided_and_put_together_and_no_old_grant_writes() {
    let store = SqliteStore::in_memory().await.unwrap();
    let whole = advance(&store, &acquire(&store, lease(LIVE, 0, 1)).await, 2).await;
    let mut over = vec![whole];
    divide(&store, 4).await;
    all_fenced(&store, &over).await;
    assert_eq!(layout(&store).await, (4, vec![(0, 256, 2), (256, 512, 2), (512, 768, 2), (768, 1_024, 2)]));

    refused(&store, lease(LIVE, 0, 1)).await;
    for (number, to) in [(0, 7), (1, 3), (2, 5), (3, 5)] {
        over.push(advance(&store, &acquire(&store, lease(LIVE, number, 4)).await, to).await);
    }
    divide(&store, 4).await;
    let last = over.pop().unwrap();
    over.push(advance(&store, &last, 6).await);
    divide(&store, 2).await;
    all_fenced(&store, &over).await;
    assert_eq!(layout(&store).await, (2, vec![(0, 256, 7), (256, 512, 3), (512, 768, 5), (768, 1_024, 6)]));

    let first = lease(LIVE, 0, 2);
    let part = acquire(&store, first).await;
    assert_eq!(
        (part.slices, part.cursor, part.until),
        (Slices::new(256, 512).unwrap(), cursor(3), cursor(7))
    );
    refused(&store, lease(LIVE, 0, 2)).await;
    over.push(advance(&store, &part, 7).await);
    let merged = acquire(&store, first).await;
    assert_eq!((merged.slices, merged.cursor, merged.until), (Slices::new(0, 512).unwrap(), cursor(7), None));
    assert!(merged.epoch > part.epoch);
    all_fenced(&store, &over).await;
    over.push(advance(&store, &merged, 8).await);
    assert_eq!(layout(&store).await, (2, vec![(0, 512, 8), (512, 768, 5), (768, 1_024, 6)]));

    divide(&store, 4).await;
    all_fenced(&store, &over).await;
    assert_eq!(layout(&store).await, (4, vec![(0, 256, 8), (256, 512, 8), (512, 768, 5), (768, 1_024, 6)]));
    let cut_out = acquire(&store, lease(LIVE, 1, 4)).await;
    assert_eq!((cut_out.slices.first(), cut_out.cursor), (256, cursor(8)));
    all_fenced(&store, &over).await;
}

#[tokio::test]
async fn a_generation_is_made_with_its_shards_and_each_has_its_own_lease() {
    let store = SqliteStore::in_memory().await.unwrap();
    assert!(!store.divide(&projection(), LIVE, 2).await.unwrap());
    let begin = Lease { begin: cursor(4), ..lease(LIVE, 1, 3) };
    let second = acquire(&store, begin).await;
    assert_eq!((second.slices, second.epoch), (Slices::new(341, 682).unwrap(), 1));
    assert_eq!(layout(&store).await, (3, vec![(0, 341, 4), (341, 682, 4), (682, 1_024, 4)]));
    refused(&store, lease(LIVE, 1, 3)).await;
    let third = acquire(&store, lease(LIVE, 2, 3)).await;
    advance(&store, &third, 9).await;
    advance(&store, &second, 5).await;
    let taken = acquire(&store, Lease { takes_over: true, ..lease(LIVE, 1, 3) }).await;
    all_fenced(&store, &[second]).await;
    assert!(store.pause(&projection()).await.unwrap());
    all_fenced(&store, &[taken, third]).await;
    refused(&store, lease(LIVE, 0, 3)).await;
    assert!(store.resume(&projection()).await.unwrap());
    acquire(&store, lease(LIVE, 0, 3)).await;
}

#[tokio::test]
async fn a_build_is_divided_as_the_live_one_was_unless_a_stream_waits_in_it() {
    for (queue, shards) in [(LetterQueue::Key("k".into()), 2), (LetterQueue::Stream(stream("a")), 1)] {
        let store = SqliteStore::in_memory().await.unwrap();
        let live = [acquire(&store, lease(LIVE, 0, 2)).await, acquire(&store, lease(LIVE, 1, 2)).await];
        let building = acquire(&store, lease(BUILDING, 0, 1)).await;
        park(&store, &building, queue).await;
        store.swap(&building).await.unwrap();
        assert_eq!(layout(&store).await.0, shards);
        all_fenced(&store, &[building]).await;
        all_fenced(&store, &live).await;
        let divided = store.divide(&projection(), LIVE, 3).await;
        assert_eq!(matches!(divided, Err(StoreError::Unusable(_))), shards == 1, "{divided:?}");

        assert!(store.roll_back(&projection()).await.unwrap());
        assert_eq!(layout(&store).await, (2, vec![(0, 512, 0), (512, 1_024, 0)]));
        all_fenced(&store, &live).await;
    }
}

#[tokio::test]
async fn a_build_waits_for_its_own_shards_and_for_the_furthest_of_the_live_ones() {
    let store = SqliteStore::in_memory().await.unwrap();
    let numbered = (1..=5).map(|number| NewEvent {
        event_id: EventId::new(Uuid::from_u128(number)),
        ..event("account.deposited", "{}")
    });
    store.append(Append::new(stream("a"), Expected::Any, numbered.collect())).await.unwrap();
    for (number, to) in [(0, 3), (1, 5), (2, 9)] {
        advance(&store, &acquire(&store, lease(LIVE, number, 3)).await, to).await;
    }
    // The other half is still at the start.
    let divided = advance(&store, &acquire(&store, lease(BUILDING, 0, 2)).await, 5).await;
    let in_two = store.swap(&divided).await;
    assert!(matches!(in_two, Err(CommitError::Fenced { .. })), "{in_two:?}");
    store.discard(&divided).await.unwrap();

    let building = advance(&store, &acquire(&store, lease(BUILDING, 0, 1)).await, 4).await;
    let early = store.swap(&building).await;
    assert!(matches!(early, Err(CommitError::Behind { live }) if live == Position::new(5)), "{early:?}");
    store.swap(&advance(&store, &building, 5).await).await.unwrap();
    assert_eq!(layout(&store).await, (3, vec![(0, 341, 5), (341, 682, 5), (682, 1_024, 5)]));
}

#[tokio::test]
async fn no_checkpoint_outlives_its_generation() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    for of in [LIVE, BUILDING] {
        acquire(&store, lease(of, 0, 4)).await;
        assert!(store.drop_generation(&projection(), of).await.unwrap());
    }
    let left = stranger(&path).await.fetch_all("SELECT 1 FROM checkpoints").await.unwrap();
    assert_eq!(left.len(), 0);
}
