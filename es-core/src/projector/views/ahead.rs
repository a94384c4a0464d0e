//! Folding the views of many pages before they are written.

use super::ViewTarget;
use super::held::{HeldViews, Page, Stage};
use crate::projector::bench::{Bench, Stuck};
use crate::projector::{FoldAhead, Held, ProjectorError, commit};
use crate::{Commit, Cursor, Grant, Payload, Projection, Recorded};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How much longer than usual a lease is renewed for with each view that is written: writing them takes a part of it.
const LEASE_PER_VIEW: Duration = Duration::from_micros(20);

/// What is folded ahead of the checkpoint.
pub(super) struct Ahead<P> {
    held: HeldViews<P>,
    bytes_max: usize,
    bench: Bench,
    /// Whether the projection's code has panicked or did not come back: the rest is folded page by page.
    has_failed: bool,
}

impl<P> Default for Ahead<P> {
    fn default() -> Self {
        Self { held: HeldViews::default(), bytes_max: 0, bench: Bench::default(), has_failed: false }
    }
}

/// What became of a page.
enum Folded<P: Projection> {
    Done(Held),
    /// These views are stored, and must be loaded before.
    Missing(Page<P>, Vec<String>),
}

impl<P: Projection> ViewTarget<P> {
    /// Whether there is nothing that each event must be compared with.
    pub(super) fn may_fold_ahead(&self) -> bool {
        self.letters.is_empty() && !self.ahead.has_failed
    }

    /// Runs the projection's own code on the bench, and renews the lease meanwhile.
    async fn run_ahead<T: Send + 'static>(
        &mut self,
        grant: &Grant,
        job: impl FnOnce(&mut HeldViews<P>, &Stage) -> Result<T, ProjectorError> + Send + 'static,
    ) -> Result<T, ProjectorError> {
        let mut held = std::mem::take(&mut self.ahead.held);
        let stage = Arc::new(Stage::default());
        let (watched, span) = (Arc::clone(&stage), tracing::Span::current());
        let job = move || {
            let done = span.in_scope(|| job(&mut held, &stage));
            (held, done)
        };
        let now = || watched.load(Ordering::Relaxed);
        match self.ahead.bench.watch((&self.store, grant), P::TIME_LIMIT, now, job).await? {
            Ok((held, done)) => {
                self.ahead.held = held;
                done
            }
            Err(Stuck { how, .. }) => {
                self.ahead.has_failed = true;
                Err(ProjectorError::own_code::<Payload>(&grant.projection, None, how))
            }
        }
    }
}

#[async_trait]
impl<P: Projection> FoldAhead for ViewTarget<P> {
    async fn fold(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        bytes_max: usize,
    ) -> Result<Held, ProjectorError> {
        self.forget_views();
        self.ahead.bytes_max = bytes_max;
        let is_first = grant.cursor.is_none();
        let (projection, slices) = (grant.projection.clone(), grant.slices);
        let folded = self.run_ahead(grant, move |held, stage| {
            let page = Page::decode(&projection, slices, events, stage)?;
            // Before the first write there is nothing to load.
            let missing = if is_first { Vec::new() } else { held.missing(&page) };
            if !missing.is_empty() {
                return Ok(Folded::Missing(page, missing));
            }
            held.project(page, stage);
            Ok(Folded::Done(how_much(held, bytes_max, stage)))
        });
        let (page, keys) = match folded.await? {
            Folded::Done(held) => return Ok(held),
            Folded::Missing(page, keys) => (page, keys),
        };
        let stored = self.store.load_views(grant.generation, &keys).await;
        let stored = stored.map_err(|source| ProjectorError::store(&grant.projection, source))?;
        let projection = grant.projection.clone();
        let folded = self.run_ahead(grant, move |held, stage| {
            held.put(&projection, keys.into_iter().zip(stored).collect(), stage)?;
            held.project(page, stage);
            Ok(how_much(held, bytes_max, stage))
        });
        folded.await
    }

    async fn write(&mut self, grant: &Grant, to: Cursor) -> Result<(), ProjectorError> {
        let (projection, written_before) = (grant.projection.clone(), grant.cursor.is_some());
        let encoded =
            self.run_ahead(grant, move |held, stage| held.encode(&projection, written_before, stage));
        let writes = encoded.await?;
        let mut grant = grant.clone();
        let count = u32::try_from(writes.len()).unwrap_or(u32::MAX);
        grant.lease.duration = grant.lease.duration.saturating_add(LEASE_PER_VIEW.saturating_mul(count));
        let to_write = Commit { writes, ..Commit::new(grant, Some(to)) };
        commit(&self.store, to_write).await?;
        self.ahead.held.make_room(self.ahead.bytes_max);
        Ok(())
    }

    fn forget(&mut self) {
        self.ahead.held = HeldViews::default();
    }
}

fn how_much<P: Projection>(held: &mut HeldViews<P>, bytes_max: usize, stage: &Stage) -> Held {
    if held.is_full(bytes_max, stage) { Held::Full } else { Held::Some }
}
