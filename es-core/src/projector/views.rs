//! The target of a [`Projection`]: its views, kept as JSON by key.

mod ahead;
mod held;

use super::bench::{Bench, Stuck};
use super::fold::{Failed, Fold, Folded, parks};
use super::letters::{self, Letters};
use super::{FoldAhead, ProjectorError, Target, commit};
use crate::{
    Commit, Cursor, Filter, Grant, LetterChange, LetterQueue, OnFailure, Parked, Payload, Projection,
    Recorded, Store, ViewWrite,
};
use ahead::Ahead;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;

/// How many views stay in memory between two batches.
const VIEWS_KEPT_MAX: usize = 100_000;

/// How many bytes of views may have been read and written since memory was last cleared.
const VIEW_BYTES_KEPT_MAX: usize = 64 * 1024 * 1024;

/// Folds batches into views. Views that were written stay in memory, which is right for as long as every commit
/// succeeds: the epoch and the checkpoint prove that nobody else has written.
pub(super) struct ViewTarget<P> {
    store: Arc<dyn Store>,
    filter: Filter,
    views: HashMap<String, Option<P>>,
    bytes: usize,
    letters: Letters,
    bench: Bench,
    ahead: Ahead<P>,
}

/// The effects of a batch, before they are written.
type Effects = (Vec<ViewWrite>, Vec<Parked>);

/// What a fold did not get past.
enum Stopped {
    ByEvent(Box<Failed>),
    ByStore(Box<ProjectorError>),
}

impl From<ProjectorError> for Stopped {
    fn from(error: ProjectorError) -> Self {
        Self::ByStore(Box::new(error))
    }
}

impl<P: Projection> ViewTarget<P> {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            filter: P::filter(),
            views: HashMap::new(),
            bytes: 0,
            letters: Letters::new(P::ON_FAILURE),
            bench: Bench::default(),
            ahead: Ahead::default(),
        }
    }

    fn forget_views(&mut self) {
        self.views.clear();
        self.bytes = 0;
    }

    /// Folds `events`; in a retry those of the queue `only`. What fails and does not halt the projection is left out, and the
    /// rest is folded again without it.
    async fn fold(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        only: Option<&LetterQueue>,
    ) -> Result<Effects, ProjectorError> {
        let (events, mut known, mut careful) = (Arc::new(events), Arc::<HashMap<_, _>>::default(), false);
        let letters = match only {
            Some(queue) => self.letters.retrying(queue),
            None => self.letters.clone(),
        };
        loop {
            if self.views.len() > VIEWS_KEPT_MAX || self.bytes > VIEW_BYTES_KEPT_MAX {
                self.forget_views();
            }
            let views = std::mem::take(&mut self.views);
            let projection = grant.projection.clone();
            let mut fold = Fold::new(projection, Arc::clone(&events), grant.slices, letters.clone(), views);
            fold.careful = careful;
            fold.known = Arc::clone(&known);
            if let Some(LetterQueue::Key(key)) = only {
                fold.only = Some(key.clone());
            }
            let stopped = match self.fold_once(grant, fold).await {
                Ok(effects) => return Ok(effects),
                Err(stopped) => stopped,
            };
            self.forget_views();
            let Failed { place, error } = match stopped {
                Stopped::ByStore(error) => return Err(*error),
                Stopped::ByEvent(failed) => *failed,
            };
            match place {
                Some(place)
                    if parks(letters.on_failure, grant.slices, &place)
                        && !self.bench.is_full()
                        && !known.contains_key(&place) =>
                {
                    Arc::make_mut(&mut known).insert(place, error.chain());
                }
                None if !careful => careful = true,
                _ => return Err(error),
            }
            // A batch of many failures is folded many times.
            commit(&self.store, Commit::new(grant.clone(), grant.cursor)).await?;
        }
    }

    /// Views in memory are as they would be written: after a failure they are not.
    async fn commit(&mut self, commit: Commit) -> Result<(), ProjectorError> {
        let committed = super::commit(&self.store, commit).await;
        if committed.is_err() {
            self.forget_views();
        }
        committed
    }

    /// Folds until it is done, or an event cannot be taken; loads the views that it asks for.
    async fn fold_once(&mut self, grant: &Grant, mut fold: Fold<P>) -> Result<Effects, Stopped> {
        loop {
            let folded;
            (fold, folded) = self.run(grant, fold).await?;
            match folded {
                Folded::Missing(keys) => {
                    let found = self.store.load_views(grant.generation, &keys).await;
                    let found = found.map_err(|source| ProjectorError::store(&grant.projection, source))?;
                    self.bytes += found.iter().flatten().map(String::len).sum::<usize>();
                    fold.loaded = keys.into_iter().zip(found).collect();
                }
                Folded::Failed(failed) => return Err(Stopped::ByEvent(failed)),
                Folded::Done(writes) => {
                    self.bytes +=
                        writes.iter().filter_map(|write| write.view.as_ref()).map(String::len).sum::<usize>();
                    self.views = fold.views;
                    return Ok((writes, fold.parked));
                }
            }
        }
    }

    /// Runs the projection's own code on the bench, and renews the lease meanwhile. A panic, or an event that takes too
    /// long, is that event's failure.
    async fn run(&mut self, grant: &Grant, mut fold: Fold<P>) -> Result<(Fold<P>, Folded), Stopped> {
        let (at, events) = (Arc::clone(&fold.at), Arc::clone(&fold.events));
        let only = fold.only.clone().map(LetterQueue::Key);
        let span = tracing::Span::current();
        let watched = Arc::clone(&at);
        let job = move || {
            let folded = span.in_scope(|| fold.run());
            (fold, folded)
        };
        let work = (&self.store, grant);
        let Stuck { stage, how } =
            match self.bench.watch(work, P::TIME_LIMIT, || watched.stage(), job).await? {
                Ok(run) => return Ok(run),
                Err(stuck) => stuck,
            };
        let place = at.place(stage, &events, only.as_ref());
        let event = place.as_ref().map(|(event, _)| &events[*event]);
        let error = ProjectorError::own_code(&grant.projection, event, how);
        Err(Stopped::ByEvent(Box::new(Failed { place: place.map(|(_, place)| place), error })))
    }
}

#[async_trait]
impl<P: Projection> Target for ViewTarget<P> {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    async fn begin(&mut self, grant: &Grant) -> Result<(), ProjectorError> {
        self.letters.load(&*self.store, grant).await
    }

    async fn apply(
        &mut self,
        grant: &Grant,
        events: Vec<Recorded<Payload>>,
        to: Cursor,
    ) -> Result<(), ProjectorError> {
        let (writes, parked) = self.fold(grant, events, None).await?;
        let letters = parked.iter().cloned().map(LetterChange::Park).collect();
        self.commit(Commit { grant: grant.clone(), to: Some(to), writes, letters }).await?;
        self.letters.remember(&parked);
        Ok(())
    }

    fn ahead(&mut self) -> Option<&mut dyn FoldAhead> {
        if self.may_fold_ahead() { Some(self) } else { None }
    }

    fn take_dead_letters(&mut self) -> u64 {
        self.letters.take_written()
    }

    fn on_failure(&self) -> OnFailure {
        P::ON_FAILURE
    }

    async fn retry(
        &mut self,
        grant: &Grant,
        queue: &LetterQueue,
        events: Vec<Recorded<Payload>>,
        next: Option<Parked>,
    ) -> Result<Vec<Parked>, ProjectorError> {
        // A stream's events go to views, which may be free by now.
        if matches!(queue, LetterQueue::Stream(_)) {
            self.begin(grant).await?;
        }
        let (writes, parked) = self.fold(grant, events.clone(), Some(queue)).await?;
        let letters = letters::retried(queue, &events, &parked, next);
        self.commit(Commit { grant: grant.clone(), to: grant.cursor, writes, letters }).await?;
        Ok(parked)
    }
}
