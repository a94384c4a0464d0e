//! [`Instance`] and [`HeldAppend`]: one store under test, and what can be done to it.

use crate::Tamper;
use async_trait::async_trait;
use es_core::Store;
use std::sync::Arc;

/// One store under test. Each ability that its subject does not lack gives `Some`.
#[async_trait]
pub trait Instance: Send + Sync {
    /// A handle on the store. It stays usable when the instance is dropped, for as long as the subject lives.
    fn store(&self) -> Arc<dyn Store>;

    /// Closes the handles given out before, opens the same log again, and gives the new handle.
    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// Another handle on the same log that shares no memory with the first, where that is possible.
    async fn second_handle(&self) -> Option<Arc<dyn Store>> {
        None
    }

    /// Changes what is stored behind the store's back.
    async fn tamper(&self, _: Tamper) -> Option<()> {
        None
    }

    /// Stops the next append that brings events between the moment it has its positions and its commit.
    async fn hold_next_append(&self) -> Option<Box<dyn HeldAppend>> {
        None
    }
}

/// An append that has its positions, and whose caller waits.
#[async_trait]
pub trait HeldAppend: Send + Sync {
    /// Returns once an append is being held.
    async fn under_way(&self);

    /// Commits it.
    async fn commit(self: Box<Self>);

    /// Makes it as if it had never been, but for its positions.
    async fn roll_back(self: Box<Self>);
}
