use crate::MemoryStore;
use crate::fixtures::{append, event_id};
use es_core::{
    CheckpointStore, Commit, CommitError, Cursor, EventStore, GenerationState, Grant, Halt, Lease, Position,
    ProjectionId, ViewStore, ViewWrite,
};
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3600);

fn projection() -> ProjectionId {
    ProjectionId::new("balances", 1).unwrap()
}

fn cursor(position: u64) -> Option<Cursor> {
    Some(Cursor { position: Position::new(position), event_id: event_id(position.into()) })
}

fn lease(of: GenerationState, owner: u128, duration: Duration) -> Lease {
    Lease {
        of,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::from_u128(owner),
        duration,
        begin: None,
        takes_over: false,
    }
}

async fn acquire(store: &MemoryStore, of: GenerationState, owner: u128) -> Grant {
    store.acquire(&projection(), lease(of, owner, HOUR)).await.unwrap().expect("nobody else has the lease")
}

/// Writes one view and moves the grant on.
async fn advance(store: &MemoryStore, grant: &mut Grant, to: u64, view: &str) -> Result<(), CommitError> {
    let writes = vec![ViewWrite { key: "k".to_owned(), view: Some(view.to_owned()) }];
    store.commit(Commit { grant: grant.clone(), to: cursor(to), writes, letters: Vec::new() }).await?;
    grant.cursor = cursor(to);
    Ok(())
}

async fn view(store: &MemoryStore) -> Option<String> {
    store.view(&projection(), "k").await.unwrap()
}

#[tokio::test]
async fn a_lease_is_granted_to_one_owner_until_it_is_over() {
    let store = MemoryStore::default();
    let live = GenerationState::Live;
    let first = acquire(&store, live, 1).await;
    assert_eq!(store.acquire(&projection(), lease(live, 2, HOUR)).await.unwrap(), None);
    let again = store.acquire(&projection(), lease(live, 1, Duration::ZERO)).await.unwrap().unwrap();
    let second = acquire(&store, live, 2).await;
    assert_eq!((first.epoch, again.epoch, second.epoch), (1, 2, 3));
    store.release(&first, None).await.unwrap();
    assert_eq!(store.generations().await.unwrap()[0].owner(), Some(Uuid::from_u128(2)));
}

#[tokio::test]
async fn a_former_owner_and_a_step_back_are_fenced() {
    let store = MemoryStore::default();
    let mut former = acquire(&store, GenerationState::Live, 1).await;
    advance(&store, &mut former, 5, "5").await.unwrap();
    let mut owner = acquire(&store, GenerationState::Live, 1).await;
    assert_eq!(owner.cursor, cursor(5));
    let mut stale = Grant { cursor: None, ..owner.clone() };
    for result in [
        advance(&store, &mut former, 6, "former").await,
        advance(&store, &mut stale, 6, "stale").await,
        advance(&store, &mut owner, 4, "back").await,
    ] {
        assert!(matches!(result, Err(CommitError::Fenced { .. })), "{result:?}");
    }
    assert_eq!(view(&store).await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_halt_is_kept_until_the_next_grant() {
    let store = MemoryStore::default();
    let grant = acquire(&store, GenerationState::Live, 1).await;
    let halt = Halt { position: Position::new(3), cause: "poison".to_owned() };
    store.release(&grant, Some(halt.clone())).await.unwrap();
    store.release(&grant, None).await.unwrap();
    let generation = store.generations().await.unwrap().remove(0);
    assert_eq!((generation.halt(), generation.owner()), (Some(&halt), None));
    acquire(&store, GenerationState::Live, 2).await;
    assert_eq!(store.generations().await.unwrap()[0].halt(), None);
}

#[tokio::test]
async fn a_build_takes_the_place_of_the_live_one_when_it_has_caught_up() {
    let store = MemoryStore::default();
    store.append(append("a", [1, 2, 3, 4, 5])).await.unwrap();
    let mut live = acquire(&store, GenerationState::Live, 1).await;
    advance(&store, &mut live, 5, "old").await.unwrap();
    let mut building = acquire(&store, GenerationState::Building, 2).await;
    advance(&store, &mut building, 4, "new").await.unwrap();
    let behind = store.swap(&building).await;
    assert!(matches!(behind, Err(CommitError::Behind { live }) if live == Position::new(5)), "{behind:?}");
    assert_eq!(view(&store).await.as_deref(), Some("old"));

    advance(&store, &mut building, 5, "new").await.unwrap();
    store.swap(&building).await.unwrap();

    assert_eq!(view(&store).await.as_deref(), Some("new"));
    let states: Vec<_> = store.generations().await.unwrap().iter().map(|found| found.state).collect();
    assert_eq!(states, [GenerationState::Live, GenerationState::Kept]);
    assert!(advance(&store, &mut live, 6, "zombie").await.is_err());
    assert!(advance(&store, &mut building, 6, "zombie").await.is_err());
    assert!(store.discard(&building).await.is_err());
    let next = acquire(&store, GenerationState::Live, 3).await;
    assert!(next.epoch > building.epoch && next.cursor == cursor(5), "{next:?}");
}

#[tokio::test]
async fn a_discarded_build_is_gone_and_the_live_one_cannot_be_discarded() {
    let store = MemoryStore::default();
    let live = acquire(&store, GenerationState::Live, 1).await;
    let mut building = acquire(&store, GenerationState::Building, 1).await;
    advance(&store, &mut building, 4, "new").await.unwrap();
    store.discard(&building).await.unwrap();
    assert!(store.load_views(building.generation, &["k".to_owned()]).await.unwrap() == [None]);
    assert!(matches!(store.discard(&live).await, Err(CommitError::Fenced { .. })));
    let next = acquire(&store, GenerationState::Building, 2).await;
    assert!(next.generation > building.generation && next.cursor.is_none());
}

#[tokio::test]
async fn views_come_in_pages_by_key() {
    let store = MemoryStore::default();
    let grant = acquire(&store, GenerationState::Live, 1).await;
    let write = |key: &str| ViewWrite { key: key.to_owned(), view: Some("1".to_owned()) };
    let writes = ["é", "b", "a", "B"].map(write).into();
    store.commit(Commit { grant: grant.clone(), to: None, writes, letters: Vec::new() }).await.unwrap();
    let keys = |page: Vec<(String, String)>| page.into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(keys(store.views(&projection(), None, 2).await.unwrap()), ["B", "a"]);
    assert_eq!(keys(store.views(&projection(), Some("a"), 9).await.unwrap()), ["b", "é"]);
    assert_eq!(keys(store.generation_views(grant.generation, Some("b"), 9).await.unwrap()), ["é"]);
}

#[tokio::test]
async fn a_live_one_of_another_history_is_replaced_however_far_it_has_read() {
    let store = MemoryStore::default();
    store.append(append("a", [1])).await.unwrap();
    let mut live = acquire(&store, GenerationState::Live, 1).await;
    advance(&store, &mut live, 5, "of a log that is gone").await.unwrap();
    let mut building = acquire(&store, GenerationState::Building, 2).await;
    advance(&store, &mut building, 1, "new").await.unwrap();
    store.swap(&building).await.unwrap();
    assert_eq!(view(&store).await.as_deref(), Some("new"));
}
