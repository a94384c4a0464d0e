//! Twins of what is kept of events that could not be taken.

use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Commit, CommitError, Discarded, GenerationId, Grant, Lease, LetterChange, LetterQueue, ProjectionId,
    Store, StoreError,
};
use std::sync::Arc;

/// Which guard is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    Letters,
    Settling,
    Queues,
    Discards,
    TakingOver,
}

struct Forgetful {
    below: Arc<dyn Store>,
    without: Without,
}

#[async_trait]
impl Layer for Forgetful {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn commit(&self, mut commit: Commit) -> Result<(), CommitError> {
        match self.without {
            Without::Letters => commit.letters.clear(),
            Without::Settling => {
                commit.letters.retain(|change| !matches!(change, LetterChange::Settle(_)));
            }
            _ => {}
        }
        self.below.commit(commit).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        match self.without {
            Without::Queues => Ok(Vec::new()),
            _ => self.below.queues(generation).await,
        }
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        match self.without {
            Without::Discards => Ok(Vec::new()),
            _ => self.below.discarded(projection).await,
        }
    }

    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let takes_over = lease.takes_over && self.without != Without::TakingOver;
        self.below.acquire(projection, Lease { takes_over, ..lease }).await
    }
}

fn without(below: Arc<dyn Store>, without: Without) -> Arc<dyn Store> {
    Arc::new(Layered(Forgetful { below, without }))
}

pub(super) fn no_letters(below: Arc<dyn Store>) -> Arc<dyn Store> {
    without(below, Without::Letters)
}

pub(super) fn no_settling(below: Arc<dyn Store>) -> Arc<dyn Store> {
    without(below, Without::Settling)
}

pub(super) fn no_queues(below: Arc<dyn Store>) -> Arc<dyn Store> {
    without(below, Without::Queues)
}

pub(super) fn no_discards(below: Arc<dyn Store>) -> Arc<dyn Store> {
    without(below, Without::Discards)
}

pub(super) fn no_taking_over(below: Arc<dyn Store>) -> Arc<dyn Store> {
    without(below, Without::TakingOver)
}
