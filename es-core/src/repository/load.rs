//! Folding a stream into a state, from a snapshot where there is a good one.

use super::Repository;
use crate::{
    Aggregate, Loaded, Payload, Position, Recorded, Snapshot, StoreError, StreamId, StreamPage, StreamRange,
    Version,
};
use chrono::{DateTime, Utc};
use std::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, debug_span};

impl<A: Aggregate> Repository<A> {
    /// The newest state, and how many events were folded: one round trip, but for streams of several pages and snapshots that
    /// are no good.
    pub(super) async fn load_newest(
        &self,
        id: &A::Id,
        stream: &StreamId,
    ) -> Result<(Loaded<A>, u64), StoreError> {
        let span = debug_span!("load", category = A::NAME, events = Empty);
        let began = Instant::now();
        let (loaded, events) = self.fold_newest(id, stream).instrument(span.clone()).await?;
        span.record("events", events);
        self.metrics.load(events, began.elapsed());
        Ok((loaded, events))
    }

    async fn fold_newest(&self, id: &A::Id, stream: &StreamId) -> Result<(Loaded<A>, u64), StoreError> {
        let Some(snapshotter) = &self.snapshotter else {
            return self.fold_from(Fold::start(id), stream, None).await;
        };
        let (snapshot, tail) = self.store.load(stream, A::SNAPSHOT_VERSION).await?;
        let Some(snapshot) = snapshot else {
            self.metrics.snapshot("miss");
            return self.fold_from(Fold::start(id), stream, Some(tail)).await;
        };
        match trusted(&snapshot, &tail).and_then(|()| snapshotter.decode(&snapshot.state)) {
            Ok(state) => {
                self.metrics.snapshot("hit");
                let position = tail.events[0].position;
                let fold = Fold(Loaded { state, version: snapshot.version, position });
                let events = tail.events.into_iter().skip(1).collect();
                self.fold_from(fold, stream, Some(StreamPage { events, more: tail.more })).await
            }
            Err(reason) => {
                self.metrics.snapshot("ignored");
                tracing::warn!(%stream, version = %snapshot.version, reason, "snapshot ignored");
                self.fold_from(Fold::start(id), stream, None).await
            }
        }
    }

    /// The state folded from the events up to `version` for as long as `wanted` holds.
    pub(super) async fn load_while(
        &self,
        id: &A::Id,
        version: Version,
        wanted: impl Fn(DateTime<Utc>) -> bool,
    ) -> Result<Loaded<A>, StoreError> {
        let stream = StreamId::of::<A>(id)?;
        let mut fold = Fold::<A>::start(id);
        loop {
            let page = self.store.read(&stream, StreamRange::after(fold.0.version).up_to(version)).await?;
            let more = page.more;
            for event in page.events {
                if !wanted(event.recorded_at) {
                    return Ok(fold.0);
                }
                fold.apply(event)?;
            }
            if !more {
                return Ok(fold.0);
            }
        }
    }

    /// Folds `page`, where it is at hand, and every page behind it; tells how many events that were.
    async fn fold_from(
        &self,
        mut fold: Fold<A>,
        stream: &StreamId,
        page: Option<StreamPage>,
    ) -> Result<(Loaded<A>, u64), StoreError> {
        let from = fold.0.version.value();
        let mut next = page;
        loop {
            let page = match next.take() {
                Some(page) => page,
                None => self.store.read(stream, StreamRange::after(fold.0.version)).await?,
            };
            for event in page.events {
                fold.apply(event)?;
            }
            if !page.more {
                let events = fold.0.version.value() - from;
                return Ok((fold.0, events));
            }
        }
    }
}

/// Whether the event the snapshot was folded up to is in the stream, at that version: the tail starts with it.
fn trusted(snapshot: &Snapshot, tail: &StreamPage) -> Result<(), &'static str> {
    match tail.events.first() {
        None => Err("it is ahead of its stream"),
        Some(event) if event.version != snapshot.version => Err("its event is missing"),
        Some(event) if event.event_id != snapshot.event_id => {
            Err("its event is another one: it is of another history")
        }
        Some(_) => Ok(()),
    }
}

struct Fold<A>(Loaded<A>);

impl<A: Aggregate> Fold<A> {
    fn start(id: &A::Id) -> Self {
        Self(Loaded { state: A::init(id), version: Version::ZERO, position: Position::START })
    }

    fn apply(&mut self, event: Recorded<Payload>) -> Result<(), StoreError> {
        let expected = self.0.version.plus(1);
        if event.version != expected {
            let Recorded { stream, version: found, position, .. } = event;
            return Err(StoreError::Gap { stream, expected, found, position });
        }
        self.0.position = event.position;
        self.0.state.apply(&event.decode::<A::Event>()?.data);
        self.0.version = expected;
        Ok(())
    }
}
