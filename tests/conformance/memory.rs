//! [`MemoryStore`], as it is and with late commits.

use async_trait::async_trait;
use es_conformance::{Ability, HeldAppend, Instance, Settings, Subject};
use es_core::Store;
use es_memory::MemoryStore;
use std::sync::Arc;

/// Makes stores in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    late_commits: bool,
}

impl Memory {
    fn with_late_commits() -> Self {
        Self { late_commits: true }
    }
}

struct InMemory(MemoryStore);

impl Memory {
    /// A store without events.
    pub fn make(self, settings: Settings) -> MemoryStore {
        let mut store = MemoryStore::default().with_limits(settings.limits);
        if let Some(clock) = settings.clock {
            store = store.with_clock(Arc::new(clock));
        }
        if self.late_commits {
            store = store.with_late_commits(17);
        }
        store
    }
}

#[async_trait]
impl Subject for Memory {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        Box::new(InMemory(self.make(settings)))
    }

    fn lacks(&self) -> &[Ability] {
        // What is in memory is gone with it, nobody else can reach it, and nobody connects to it.
        &[Ability::Reopen, Ability::Tamper, Ability::OneConnection]
    }
}

#[async_trait]
impl Instance for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }

    async fn second_handle(&self) -> Option<Arc<dyn Store>> {
        Some(self.store())
    }

    async fn hold_next_append(&self) -> Option<Box<dyn HeldAppend>> {
        Some(Box::new(Hold::next(&self.0)))
    }
}

/// An append that a store in memory holds.
pub struct Hold(es_memory::HeldAppend);

impl Hold {
    /// Holds the next append.
    pub fn next(store: &MemoryStore) -> Self {
        Self(store.hold_next_append())
    }
}

#[async_trait]
impl HeldAppend for Hold {
    async fn under_way(&self) {
        self.0.under_way().await;
    }

    async fn commit(self: Box<Self>) {
        self.0.release();
    }

    async fn roll_back(self: Box<Self>) {
        self.0.roll_back();
    }
}

mod in_order {
    es_conformance::conformance!(super::Memory::default());
}

mod late {
    es_conformance::conformance!(super::Memory::with_late_commits());
}
