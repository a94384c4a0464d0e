//! Checkpoints, views and snapshots.

use super::common::*;
use es_core::*;
use es_sqlite::SqliteStore;
use sqlx::Executor;
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);

fn projection() -> ProjectionId {
    ProjectionId::new("balances", 1).unwrap()
}

fn lease(of: GenerationState) -> Lease {
    Lease { of, shard: Shard::WHOLE, owner: Uuid::now_v7(), duration: HOUR, begin: None, takes_over: false }
}

fn cursor(position: u64) -> Option<Cursor> {
    let event_id = EventId::new(Uuid::from_u128(position.into()));
    Some(Cursor { position: Position::new(position), event_id })
}

fn write(key: &str, view: Option<&str>) -> ViewWrite {
    ViewWrite { key: key.into(), view: view.map(Into::into) }
}

/// Commits, and gives the grant that goes on from there.
async fn commit(
    store: &SqliteStore,
    grant: &Grant,
    to: u64,
    writes: Vec<ViewWrite>,
) -> Result<Grant, CommitError> {
    store.commit(Commit { grant: grant.clone(), to: cursor(to), writes, letters: Vec::new() }).await?;
    Ok(Grant { cursor: cursor(to), ..grant.clone() })
}

async fn acquire(store: &SqliteStore, lease: Lease) -> Grant {
    store.acquire(&projection(), lease).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_lease_is_held_until_it_ends_or_is_given_back() {
    let store = SqliteStore::in_memory().await.unwrap();
    let mine = lease(GenerationState::Live);
    let grant = acquire(&store, mine).await;
    assert_eq!((grant.epoch, grant.cursor), (1, None));
    assert_eq!(store.acquire(&projection(), lease(GenerationState::Live)).await.unwrap(), None);
    assert_eq!(acquire(&store, mine).await.epoch, 2);

    let ends_at_once = Lease { duration: Duration::ZERO, ..mine };
    acquire(&store, ends_at_once).await;
    assert_eq!(store.generations().await.unwrap()[0].owner(), None);
    let other = acquire(&store, lease(GenerationState::Live)).await;
    assert_eq!(other.epoch, 4);
    store.release(&grant, None).await.unwrap();
    assert_eq!(store.generations().await.unwrap()[0].owner(), Some(other.lease.owner));

    let halt = Halt { position: Position::new(7), cause: "poison".into() };
    store.release(&other, Some(halt.clone())).await.unwrap();
    let halted = store.generations().await.unwrap();
    assert_eq!((halted[0].owner(), halted[0].halt()), (None, Some(&halt)));
    acquire(&store, mine).await;
    assert_eq!(store.generations().await.unwrap()[0].halt(), None);
}

#[tokio::test]
async fn a_former_owner_writes_nothing() {
    let store = SqliteStore::in_memory().await.unwrap();
    let former = acquire(&store, Lease { duration: Duration::ZERO, ..lease(GenerationState::Live) }).await;
    let owner = acquire(&store, lease(GenerationState::Live)).await;
    for grant in [former, Grant { cursor: cursor(9), ..owner.clone() }] {
        let refused = commit(&store, &grant, 10, vec![write("a", Some("1"))]).await;
        assert!(matches!(refused, Err(CommitError::Fenced { .. })), "{refused:?}");
    }
    assert_eq!(store.view(&projection(), "a").await.unwrap(), None);
    commit(&store, &owner, 10, vec![write("a", Some("2"))]).await.unwrap();
    assert_eq!(store.view(&projection(), "a").await.unwrap().unwrap(), "2");
    assert_eq!(store.generations().await.unwrap()[0].cursor(), cursor(10));
    let late = commit(&store, &owner, 10, vec![]).await;
    assert!(matches!(late, Err(CommitError::Fenced { .. })), "{late:?}");
}

#[tokio::test]
async fn views_are_the_exact_text_by_exact_keys() {
    let store = SqliteStore::in_memory().await.unwrap();
    let grant = acquire(&store, lease(GenerationState::Live)).await;
    let view = r#"{ "b":"\u0000", "a":-0.0, "a":1.50 }"#;
    let keys = ["", "a", "a\0", "a\0b", "a'\"\\", "ab", "B", "é", "\u{1F600}", "\u{FFFD}"];
    let writes = keys.iter().map(|key| write(key, Some(view))).collect();
    let grant = commit(&store, &grant, 1, writes).await.unwrap();
    let asked: Vec<String> = keys.iter().rev().map(ToString::to_string).chain(["none".into()]).collect();
    let loaded = store.load_views(grant.generation, &asked).await.unwrap();
    assert!(loaded[..keys.len()].iter().all(|loaded| loaded.as_deref() == Some(view)), "{loaded:?}");
    assert_eq!(loaded[keys.len()], None);

    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = store.views(&projection(), after.as_deref(), 3).await.unwrap();
        let same = store.generation_views(grant.generation, after.as_deref(), 3).await.unwrap();
        assert_eq!(page, same);
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        paged.extend(page.into_iter().map(|(key, _)| key));
    }
    assert_eq!(paged, sorted);

    let writes = keys.iter().map(|key| write(key, (*key == "B").then_some("{}"))).collect();
    commit(&store, &grant, 2, writes).await.unwrap();
    let left = store.views(&projection(), None, 100).await.unwrap();
    assert_eq!(left, [("B".to_owned(), "{}".to_owned())]);
}

#[tokio::test]
async fn a_batch_of_many_views_is_written_whole() {
    let store = SqliteStore::in_memory().await.unwrap();
    let grant = acquire(&store, lease(GenerationState::Live)).await;
    let writes = (0..1_000).map(|number| write(&format!("{number:04}"), Some("{}"))).collect();
    commit(&store, &grant, 1, writes).await.unwrap();
    assert_eq!(store.views(&projection(), None, 2_000).await.unwrap().len(), 1_000);
}

#[tokio::test]
async fn a_rebuilt_generation_takes_the_place_of_the_live_one() {
    let store = SqliteStore::in_memory().await.unwrap();
    let numbered = (1..=5).map(|number| NewEvent {
        event_id: EventId::new(Uuid::from_u128(number)),
        ..event("account.deposited", "{}")
    });
    store.append(Append::new(stream("a"), Expected::Any, numbered.collect())).await.unwrap();
    let live = acquire(&store, lease(GenerationState::Live)).await;
    let live = commit(&store, &live, 5, vec![write("old", Some("1"))]).await.unwrap();
    let building = acquire(&store, lease(GenerationState::Building)).await;
    let building = commit(&store, &building, 4, vec![write("new", Some("2"))]).await.unwrap();
    let states: Vec<_> = store.generations().await.unwrap().iter().map(|found| found.state).collect();
    assert_eq!(states, [GenerationState::Live, GenerationState::Building]);
    assert_eq!(store.view(&projection(), "new").await.unwrap(), None);

    let early = store.swap(&building).await;
    assert!(matches!(early, Err(CommitError::Behind { live }) if live == Position::new(5)), "{early:?}");
    let building = commit(&store, &building, 5, vec![]).await.unwrap();
    store.swap(&building).await.unwrap();

    assert_eq!(store.view(&projection(), "new").await.unwrap().unwrap(), "2");
    assert_eq!(store.view(&projection(), "old").await.unwrap(), None);
    for over in [&live, &building] {
        let refused = commit(&store, over, 6, vec![]).await;
        assert!(matches!(refused, Err(CommitError::Fenced { .. })), "{refused:?}");
    }
    let [swapped, kept] = &store.generations().await.unwrap()[..] else { panic!("not two") };
    assert_eq!(
        (swapped.id, swapped.state, swapped.owner()),
        (building.generation, GenerationState::Live, None)
    );
    assert_eq!((kept.id, kept.state), (live.generation, GenerationState::Kept));
    assert_eq!(acquire(&store, lease(GenerationState::Live)).await.cursor, cursor(5));
    assert!(store.drop_generation(&projection(), GenerationState::Kept).await.unwrap());
    assert_eq!(store.generation_views(live.generation, None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_building_generation_can_be_discarded_and_a_live_one_cannot() {
    let store = SqliteStore::in_memory().await.unwrap();
    let live = acquire(&store, lease(GenerationState::Live)).await;
    let building = acquire(&store, lease(GenerationState::Building)).await;
    let building = commit(&store, &building, 4, vec![write("new", Some("2"))]).await.unwrap();
    store.discard(&building).await.unwrap();
    assert_eq!(store.generations().await.unwrap().len(), 1);
    assert_eq!(store.generation_views(building.generation, None, 9).await.unwrap(), []);
    assert!(matches!(store.discard(&building).await, Err(CommitError::Fenced { .. })));
    assert!(matches!(store.discard(&live).await, Err(CommitError::Fenced { .. })));
    assert!(matches!(store.swap(&live).await, Err(CommitError::Fenced { .. })));
    let next = acquire(&store, lease(GenerationState::Building)).await;
    assert!(next.generation > building.generation);
}

#[tokio::test]
async fn a_snapshot_comes_with_the_events_from_its_own_on() {
    let store = SqliteStore::in_memory().await.unwrap();
    store.append(append("a", Expected::Any, 10)).await.unwrap();
    store.append(append("b", Expected::Any, 3)).await.unwrap();
    let (none, all) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!((none, all.events.len()), (None, 10));

    let at = |version: u64| Snapshot {
        stream: stream("a"),
        version: Version::new(version),
        event_id: all.events[version as usize - 1].event_id,
        schema_version: 1,
        state: Payload::new(format!("{{\"at\":{version}}}")),
    };
    for version in [6, 8, 7] {
        store.save(at(version)).await.unwrap();
    }
    let (snapshot, tail) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!((snapshot, &tail.events[..]), (Some(at(8)), &all.events[7..]));
    assert_eq!(store.load(&stream("a"), 2).await.unwrap(), (None, all));
    let (none, nothing) = store.load(&stream("c"), 1).await.unwrap();
    assert_eq!((none, nothing.events.len(), nothing.more), (None, 0, false));
}

#[tokio::test]
async fn a_commit_that_fails_half_way_leaves_nothing_behind() {
    let (_directory, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let grant = acquire(&store, lease(GenerationState::Live)).await;
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON views WHEN NEW.key = 'trap' BEGIN SELECT RAISE(ABORT, 'trap'); END";
    stranger(&path).await.execute(trap).await.unwrap();
    let failed = commit(&store, &grant, 1, vec![write("a", Some("1")), write("trap", Some("1"))]).await;
    assert!(matches!(failed, Err(CommitError::Store(StoreError::Backend(_)))), "{failed:?}");
    commit(&store, &grant, 1, vec![write("b", Some("1"))]).await.unwrap();
    assert_eq!(store.views(&projection(), None, 9).await.unwrap().len(), 1);
}
