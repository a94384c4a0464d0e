//! Nothing that must be right depends on the time of day.

use crate::fixtures::{append, appended, assert_whole, stream, whole_stream};
use crate::{Settings, Subject};
use chrono::{DateTime, TimeDelta, Utc};
use es_core::testing::ManualClock;
use es_core::{
    CheckpointStore, Clock, GenerationState, Lease, Position, Snapshot, SnapshotStore, Store, Version,
};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap()
}

/// A store without events whose clock this is.
async fn store_by(clock: &ManualClock, subject: &dyn Subject) -> Arc<dyn Store> {
    let store = subject.instance(Settings::default().with_clock(clock.clone())).await.store();
    let answer = appended(&store, append("clock", 1)).await;
    let micros = clock.now().timestamp_micros();
    assert_eq!(
        answer.recorded_at.timestamp_micros(),
        micros,
        "events are recorded by the clock that was set"
    );
    store
}

pub async fn st_45_a_jumping_clock_changes_no_order(subject: &dyn Subject) {
    let clock = ManualClock::at(noon());
    let store = store_by(&clock, subject).await;
    let jumps = [0, 3_600, -3_600, -7_200, 86_400 * 365 * 50, -86_400 * 365 * 50, 1, -1];
    let (mut last, mut times) = (Position::START, Vec::new());
    for seconds in jumps {
        clock.advance(TimeDelta::seconds(seconds));
        let answer = appended(&store, append("a", 2)).await;
        assert!(answer.positions[0] > last, "positions do not follow the clock");
        last = answer.position;
        times.push(answer.recorded_at);
    }
    assert_whole(&store).await;
    let recorded: Vec<_> =
        whole_stream(&store, &stream("a")).await.iter().step_by(2).map(|event| event.recorded_at).collect();
    assert_eq!(recorded, times, "events are recorded by the store's clock");
    assert_eq!(times[0].timestamp_subsec_nanos(), 123_456_000, "in microseconds");
    assert!(times[2] < times[1]);
}

pub async fn st_45_a_jumping_clock_neither_ends_a_lease_nor_prolongs_it(subject: &dyn Subject) {
    let clock = ManualClock::at(noon());
    let store = store_by(&clock, subject).await;
    let projection = crate::fixtures::projection("clocks");
    let lease = |duration| Lease {
        of: GenerationState::Live,
        shard: es_core::Shard::WHOLE,
        owner: Uuid::now_v7(),
        duration,
        begin: None,
        takes_over: false,
    };
    let long = lease(Duration::from_secs(600));
    let grant = store.acquire(&projection, long).await.unwrap().unwrap();
    for seconds in [3_600, -7_200] {
        clock.advance(TimeDelta::seconds(seconds));
        let other = store.acquire(&projection, lease(Duration::from_secs(1))).await.unwrap();
        assert_eq!(other, None, "the lease holds, whatever the clock says");
    }
    store.release(&grant, None).await.unwrap();
    let short = store.acquire(&projection, lease(Duration::from_millis(20))).await.unwrap().unwrap();
    clock.advance(TimeDelta::seconds(-86_400));
    crate::wait::until("a short lease ends though the clock went back", async || {
        store.acquire(&projection, lease(Duration::from_secs(1))).await.unwrap().is_some()
    })
    .await;
    assert!(short.epoch > grant.epoch);
}

pub async fn st_45_a_jumping_clock_changes_no_snapshot(subject: &dyn Subject) {
    let clock = ManualClock::at(noon());
    let store = store_by(&clock, subject).await;
    appended(&store, append("a", 3)).await;
    let log = whole_stream(&store, &stream("a")).await;
    let snapshot = |version: usize| Snapshot {
        stream: log[0].stream.clone(),
        version: Version::new(version as u64),
        event_id: log[version - 1].event_id,
        schema_version: 1,
        state: es_core::Payload::new(version.to_string().into_bytes()),
    };
    store.save(snapshot(2)).await.unwrap();
    clock.advance(TimeDelta::seconds(-3_600));
    store.save(snapshot(3)).await.unwrap();
    clock.advance(TimeDelta::seconds(7_200));
    store.save(snapshot(1)).await.unwrap();
    let (kept, _) = store.load(&log[0].stream, 1).await.unwrap();
    assert_eq!(kept, Some(snapshot(3)), "the newest is the one with the highest version");
}
