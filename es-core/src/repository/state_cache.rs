//! The states that were used last.

use crate::{Loaded, StreamId};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// Recent states by stream, bounded; clones share them.
pub(super) struct StateCache<A> {
    states: Arc<Mutex<LruCache<StreamId, Loaded<A>>>>,
    clone: fn(&Loaded<A>) -> Loaded<A>,
}

impl<A> StateCache<A> {
    pub(super) fn new(aggregates_max: usize) -> Self
    where
        A: Clone,
    {
        let bound = NonZeroUsize::new(aggregates_max).unwrap_or(NonZeroUsize::MIN);
        Self { states: Arc::new(Mutex::new(LruCache::new(bound))), clone: Loaded::clone }
    }

    pub(super) fn get(&self, stream: &StreamId) -> Option<Loaded<A>> {
        self.states().get(stream).map(self.clone)
    }

    /// Keeps a state, unless a newer one of its stream is there.
    pub(super) fn put(&self, stream: &StreamId, loaded: &Loaded<A>) {
        let copy = (self.clone)(loaded);
        let mut states = self.states();
        if states.peek(stream).is_none_or(|kept| kept.version <= copy.version) {
            states.put(stream.clone(), copy);
        }
    }

    pub(super) fn forget(&self, stream: &StreamId) {
        self.states().pop(stream);
    }

    /// A panic of another thread leaves the map whole: it only ever holds finished states.
    fn states(&self) -> std::sync::MutexGuard<'_, LruCache<StreamId, Loaded<A>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Clone for StateCache<A> {
    fn clone(&self) -> Self {
        Self { states: self.states.clone(), clone: self.clone }
    }
}
