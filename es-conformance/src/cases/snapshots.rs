//! A snapshot changes the time of a load, never its result.

use crate::fixtures::{
    Account, AccountEvent, Deposit, SnapshotsBroken, SnapshotsStuck, append, appended, for_all, store,
    stream, versions, whole_stream,
};
use crate::layer::Layered;
use crate::{Subject, wait};
use es_core::{
    EventId, KeptSnapshot, Loaded, Payload, Repository, Snapshot, SnapshotPlace, SnapshotStore, Snapshots,
    SnapshotsOf, Store, StreamId, Version,
};
use proptest::prelude::*;
use std::sync::Arc;
use uuid::Uuid;

fn plain(store: &Arc<dyn Store>) -> Repository<Account> {
    Repository::new(store.clone())
}

fn every(store: &Arc<dyn Store>, events: u64) -> Repository<Account> {
    plain(store).with_snapshots(Snapshots::every(events))
}

fn id() -> String {
    "a".to_owned()
}

/// Ten deposits, with a snapshot at version 10.
async fn ten_deposits(store: &Arc<dyn Store>) -> Loaded<Account> {
    let repository = every(store, 5);
    for cents in 1..=10 {
        repository.execute(id(), Deposit { cents }).await.unwrap();
        repository.settle().await;
    }
    plain(store).load(id()).await.unwrap()
}

/// A state that is whole, but another account's.
async fn of_a_rich_account(store: &Arc<dyn Store>) -> Payload {
    let repository = every(store, 1);
    repository.execute("rich".to_owned(), Deposit { cents: 1_000_000 }).await.unwrap();
    repository.settle().await;
    kept(store, &stream("rich")).await.expect("a snapshot at version 1").state
}

async fn kept(store: &Arc<dyn Store>, stream: &StreamId) -> Option<Snapshot> {
    store.load(stream, 1).await.unwrap().0
}

pub async fn the_newest_snapshot_comes_with_its_own_event_and_what_follows(subject: &dyn Subject) {
    let store = store(subject).await;
    let (none, page) = store.load(&stream("a"), 1).await.unwrap();
    assert!(none.is_none() && page.events.is_empty() && !page.more);
    appended(&store, append("a", 5)).await;
    appended(&store, append("b", 1)).await;
    let log = whole_stream(&store, &stream("a")).await;
    let snapshot = |version: usize, schema_version, state: &'static str| Snapshot {
        stream: stream("a"),
        version: Version::new(version as u64),
        event_id: log[version - 1].event_id,
        schema_version,
        state: Payload::new(state.as_bytes()),
    };
    let (none, page) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!((none, versions(&page.events)), (None, vec![1, 2, 3, 4, 5]));
    store.save(snapshot(3, 1, r#"{"b":1,"a":-0.0}"#)).await.unwrap();
    let (found, page) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!(found, Some(snapshot(3, 1, r#"{"b":1,"a":-0.0}"#)), "the state is kept byte for byte");
    assert_eq!(versions(&page.events), [3, 4, 5], "the snapshot's own event comes first");
    store.save(snapshot(2, 1, "2")).await.unwrap();
    assert_eq!(kept(&store, &stream("a")).await.unwrap().version, Version::new(3), "a newer one stays");
    store.save(snapshot(5, 1, "5")).await.unwrap();
    let (found, page) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!((found, versions(&page.events)), (Some(snapshot(5, 1, "5")), vec![5]));
    store.save(snapshot(4, 2, "4")).await.unwrap();
    assert_eq!(store.load(&stream("a"), 2).await.unwrap().0, Some(snapshot(4, 2, "4")));
    assert_eq!(
        kept(&store, &stream("a")).await,
        Some(snapshot(5, 1, "5")),
        "another schema, another snapshot"
    );
    let (none, page) = store.load(&stream("a"), 3).await.unwrap();
    assert_eq!((none, page.events.len()), (None, 5));
    assert_eq!(kept(&store, &stream("b")).await, None);
}

pub async fn sn_01_a_damaged_or_foreign_snapshot_is_ignored(subject: &dyn Subject) {
    let store = store(subject).await;
    let truth = ten_deposits(&store).await;
    let good = kept(&store, &stream("a")).await.expect("a snapshot at version 10");
    let whole = good.state.as_bytes().to_vec();
    let truncated = whole[..whole.len() / 2].to_vec();
    let wrong = String::from_utf8(whole.clone()).unwrap().replace("cents", "dollars").into_bytes();
    let digit = String::from_utf8(whole).unwrap().replace("\"cents\":55", "\"cents\":56").into_bytes();
    for state in [truncated, wrong, digit, b"".to_vec(), b"null".to_vec(), b"{}".to_vec(), vec![0xff; 64]] {
        store.save(Snapshot { state: Payload::new(state), ..good.clone() }).await.unwrap();
        assert_eq!(every(&store, 5).load(id()).await.unwrap(), truth);
    }
    let foreign = EventId::new(Uuid::now_v7());
    let state = of_a_rich_account(&store).await;
    store.save(Snapshot { event_id: foreign, state: state.clone(), ..good.clone() }).await.unwrap();
    assert_eq!(every(&store, 5).load(id()).await.unwrap(), truth, "its event is of another history");
    store.save(Snapshot { schema_version: 2, state, ..good.clone() }).await.unwrap();
    assert_eq!(every(&store, 5).load(id()).await.unwrap(), truth, "another schema version is another shape");
    let next = every(&store, 5).execute(id(), Deposit { cents: 1 }).await.unwrap();
    assert_eq!((next.version, next.state.cents), (Version::new(11), 56), "commands go on");
}

pub async fn sn_02_a_snapshot_ahead_of_its_stream_is_ignored(subject: &dyn Subject) {
    let store = store(subject).await;
    let truth = ten_deposits(&store).await;
    let good = kept(&store, &stream("a")).await.unwrap();
    let ahead =
        Snapshot { version: Version::new(12), event_id: EventId::new(Uuid::now_v7()), ..good.clone() };
    store.save(ahead).await.unwrap();
    let repository = every(&store, 100);
    assert_eq!(repository.load(id()).await.unwrap(), truth);
    for cents in 11..=14 {
        // The stream grows over the version of the snapshot, which is of another history.
        let committed = repository.execute(id(), Deposit { cents }).await.unwrap();
        assert_eq!(committed.version.value(), cents.cast_unsigned());
        assert_eq!(repository.load(id()).await.unwrap(), plain(&store).load(id()).await.unwrap());
    }
}

pub async fn sn_02_a_snapshot_of_another_history_gives_way(subject: &dyn Subject) {
    let store = store(subject).await;
    ten_deposits(&store).await;
    let good = kept(&store, &stream("a")).await.unwrap();
    for version in [12, 9] {
        let foreign = EventId::new(Uuid::now_v7());
        store
            .save(Snapshot { version: Version::new(version), event_id: foreign, ..good.clone() })
            .await
            .unwrap();
        store.save(good.clone()).await.unwrap();
        assert_eq!(kept(&store, &stream("a")).await, Some(good.clone()), "over one at version {version}");
    }
}

pub async fn sn_03_a_snapshot_that_was_not_written_changes_nothing(subject: &dyn Subject) {
    let store = store(subject).await;
    let truth = ten_deposits(&store).await;
    // A crash between append and snapshot: the snapshot stays behind the stream.
    for cents in 11..=17 {
        plain(&store).execute(id(), Deposit { cents }).await.unwrap();
    }
    assert_eq!(kept(&store, &stream("a")).await.unwrap().version, truth.version);
    let loaded = every(&store, 5).load(id()).await.unwrap();
    assert_eq!(loaded, plain(&store).load(id()).await.unwrap());
    assert_eq!(loaded.state.cents, (1..=17).sum::<i64>());
}

pub async fn sn_04_commands_succeed_without_the_snapshots(subject: &dyn Subject) {
    let store = store(subject).await;
    let broken = Repository::<Account>::new(Layered(SnapshotsBroken(store.clone())));
    let stuck = Repository::<Account>::new(Layered(SnapshotsStuck(store.clone())));
    for repository in [broken, stuck] {
        let repository = repository.with_snapshots(Snapshots::every(1));
        for _ in 0..10 {
            let command = repository.execute(id(), Deposit { cents: 1 });
            wait::within("a command whose snapshot is not written", command).await.unwrap();
        }
    }
    let loaded = every(&store, 1).load(id()).await.unwrap();
    assert_eq!((loaded.version, loaded.state.cents), (Version::new(20), 20));
    assert_eq!(kept(&store, &stream("a")).await, None);
}

fn histories() -> impl Strategy<Value = (Vec<Vec<i64>>, u64)> {
    (prop::collection::vec(prop::collection::vec(1..100_i64, 1..4), 1..12), 1..8_u64)
}

pub async fn sn_05_a_load_with_a_snapshot_equals_one_without(subject: &dyn Subject) {
    for_all(24, histories(), async |(commands, k)| {
        let store = store(subject).await;
        let repository = every(&store, k);
        for cents in commands {
            let deposits = cents.iter().map(|cents| AccountEvent::Deposited { cents: *cents });
            let events: Vec<_> = deposits.collect();
            repository.decide(id(), |_| Ok(events.clone())).await.unwrap();
            repository.settle().await;
            let with = repository.load(id()).await.unwrap();
            assert_eq!(with, plain(&store).load(id()).await.unwrap());
            let snapshot = kept(&store, &stream("a")).await.map_or(0, |snapshot| snapshot.version.value());
            assert!(with.version.value() - snapshot < k, "a snapshot is used, not only right");
        }
    });
}

/// All of them, read in pages.
async fn listed(store: &Arc<dyn Store>, of: &SnapshotsOf, page: usize) -> Vec<KeptSnapshot> {
    let mut all: Vec<KeptSnapshot> = Vec::new();
    loop {
        let after = all.last().map(|last| &last.place);
        let next = store.snapshots(of, after, page).await.unwrap();
        assert!(next.len() <= page.max(1));
        assert!(after.is_none_or(|after| next.iter().all(|kept| kept.place > *after)), "{after:?} {next:?}");
        if next.is_empty() {
            return all;
        }
        all.extend(next);
    }
}

pub async fn snapshots_are_listed_by_stream_and_schema_version(subject: &dyn Subject) {
    let store = store(subject).await;
    assert_eq!(listed(&store, &SnapshotsOf::All, 1).await, []);
    // Neighbours in the order of bytes, which is none of a language.
    let streams =
        ["account-Z", "account-a", "account-a b", "account-ab", "account-ä", "account_b-a", "accounts-a"];
    let mut expected = Vec::new();
    for (index, text) in streams.iter().enumerate() {
        let stream: StreamId = text.parse().unwrap();
        let schema_versions = if *text == "account-a" { vec![1, 2, 10] } else { vec![1] };
        for schema_version in schema_versions {
            let (version, bytes) = (Version::new(index as u64 + 1), 2 + u64::from(schema_version) * 3);
            let place = SnapshotPlace { stream: stream.clone(), schema_version };
            expected.push(KeptSnapshot { place, version, bytes });
        }
    }
    for kept in expected.iter().rev() {
        let snapshot = Snapshot {
            stream: kept.place.stream.clone(),
            version: kept.version,
            event_id: EventId::new(Uuid::now_v7()),
            schema_version: kept.place.schema_version,
            state: Payload::new(vec![b'1'; usize::try_from(kept.bytes).unwrap()]),
        };
        store.save(snapshot).await.unwrap();
    }
    for page in [0, 1, 2, 1_000] {
        assert_eq!(listed(&store, &SnapshotsOf::All, page).await, expected);
        let category = SnapshotsOf::Category("account".into());
        assert_eq!(
            listed(&store, &category, page).await,
            expected[..7],
            "not those of account_b or accounts"
        );
        let stream = SnapshotsOf::Stream("account-a".parse().unwrap());
        assert_eq!(listed(&store, &stream, page).await, expected[1..4], "not those of account-ab");
    }
    assert_eq!(listed(&store, &SnapshotsOf::Category("acc".into()), 10).await, []);
}

pub async fn a_load_after_its_snapshot_was_dropped_gives_the_same(subject: &dyn Subject) {
    let store = store(subject).await;
    let truth = ten_deposits(&store).await;
    of_a_rich_account(&store).await;
    let good = kept(&store, &stream("a")).await.unwrap();
    store.save(Snapshot { schema_version: 2, ..good.clone() }).await.unwrap();
    let place = |name: &str, schema_version| SnapshotPlace { stream: stream(name), schema_version };
    assert_eq!(store.drop_snapshots(&[]).await.unwrap(), 0);
    let dropped = store.drop_snapshots(&[place("a", 1), place("a", 3), place("nobody", 1)]).await;
    assert_eq!(dropped.unwrap(), 1, "those that were not there do not count");
    let (none, page) = store.load(&stream("a"), 1).await.unwrap();
    assert_eq!((none, page.events.len()), (None, 10), "it is folded from the beginning");
    assert_eq!(every(&store, 5).load(id()).await.unwrap(), truth);
    let left: Vec<_> = listed(&store, &SnapshotsOf::All, 10).await;
    let left: Vec<_> = left.into_iter().map(|kept| kept.place).collect();
    assert_eq!(left, [place("a", 2), place("rich", 1)], "the others stay");
    assert_eq!(store.drop_snapshots(&left).await.unwrap(), 2);
    assert_eq!(listed(&store, &SnapshotsOf::All, 10).await, []);
    every(&store, 1).execute(id(), Deposit { cents: 1 }).await.unwrap();
    let again = every(&store, 1).load(id()).await.unwrap();
    assert_eq!((again.version, again.state.cents), (Version::new(11), truth.state.cents + 1));
    store.save(good.clone()).await.unwrap();
    let known = kept(&store, &stream("a")).await.unwrap();
    assert!(known.version >= good.version, "a new one is kept as ever");
}
