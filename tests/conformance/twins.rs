//! Broken twins: stores that lack one guard each. A case that does not fail on its twin guards nothing.

mod checkpoints;
mod dead_letters;
mod log;
mod pages;
mod read_models;
mod refusals;
mod snapshots;
mod table;
mod tampered;

use super::memory::{Hold, Memory};
use async_trait::async_trait;
use es_conformance::{Ability, Case, HeldAppend, Instance, Settings, Subject, Tamper};
use es_core::{Limits, Store};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use table::TWINS;
use tampered::{Tampers, tampered};

/// Makes a store of a good one.
type Break = fn(Arc<dyn Store>) -> Arc<dyn Store>;

/// What is wrong with a store, and the case that must notice.
struct Twin {
    name: &'static str,
    caught_by: &'static str,
    base: Base,
    broken: Break,
}

/// The store below a twin.
#[derive(Clone, Copy)]
enum Base {
    /// A good one.
    Good,
    /// One whose limits of sizes are out of reach.
    Unlimited,
    /// One whose readers also see what lies behind an append that is not committed yet.
    Naive,
    /// One that is empty when it is reopened.
    Forgetful,
    /// One whose leases end when the clock that events are recorded by says so.
    Clocked,
}

/// Makes twins instead of stores in memory.
struct Twins {
    base: Base,
    broken: Break,
}

struct TwinInstance {
    memory: es_memory::MemoryStore,
    store: Arc<dyn Store>,
    reopened: Arc<dyn Store>,
    tampers: Tampers,
}

#[async_trait]
impl Subject for Twins {
    async fn instance(&self, settings: Settings) -> Box<dyn Instance> {
        let settings = match self.base {
            Base::Unlimited => {
                let unlimited =
                    Limits::default().with_event_bytes_max(usize::MAX).with_append_bytes_max(usize::MAX);
                settings.with_limits(unlimited)
            }
            Base::Good | Base::Naive | Base::Forgetful | Base::Clocked => settings,
        };
        let clock = settings.clock.clone();
        let good = Memory::default().make(settings.clone());
        let memory = if matches!(self.base, Base::Naive) { good.without_settled_prefix() } else { good };
        let tampers = Tampers::default();
        let mut store = (self.broken)(tampered(Arc::new(memory.clone()), tampers.clone()));
        if let (Base::Clocked, Some(clock)) = (self.base, clock) {
            store = checkpoints::leases_by(clock, store);
        }
        let reopened: Arc<dyn Store> = match self.base {
            Base::Forgetful => Arc::new(Memory::default().make(settings)),
            _ => store.clone(),
        };
        Box::new(TwinInstance { memory, store, reopened, tampers })
    }

    fn lacks(&self) -> &[Ability] {
        &[Ability::SecondHandle, Ability::OneConnection]
    }
}

#[async_trait]
impl Instance for TwinInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn reopen(&self) -> Option<Arc<dyn Store>> {
        Some(self.reopened.clone())
    }

    async fn tamper(&self, tamper: Tamper) -> Option<()> {
        self.tampers.add(tamper);
        Some(())
    }

    async fn hold_next_append(&self) -> Option<Box<dyn HeldAppend>> {
        Some(Box::new(Hold::next(&self.memory)))
    }
}

/// Whether the case fails on stores of this kind.
fn fails(name: &'static str, base: Base, broken: Break) -> bool {
    let case = Case::named(name).unwrap_or_else(|| panic!("there is no case `{name}`"));
    let runs = move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(case.run(&Twins { base, broken }));
    };
    // A thread of its own: a case that panics takes its runtime with it.
    thread::spawn(move || panic::catch_unwind(AssertUnwindSafe(runs)).is_err()).join().unwrap()
}

impl Twin {
    /// A twin of a good store.
    const fn of_good(name: &'static str, caught_by: &'static str, broken: Break) -> Self {
        Self { name, caught_by, base: Base::Good, broken }
    }

    /// A store that is a twin because of what lies below.
    const fn on(base: Base, name: &'static str, caught_by: &'static str) -> Self {
        Self { name, caught_by, base, broken: as_it_is }
    }
}

fn as_it_is(store: Arc<dyn Store>) -> Arc<dyn Store> {
    store
}

#[test]
fn every_broken_twin_is_caught() {
    let missed = TWINS.iter().filter(|twin| !fails(twin.caught_by, twin.base, twin.broken));
    let missed: Vec<_> = missed.map(|twin| format!("{} by {}", twin.name, twin.caught_by)).collect();
    assert!(missed.is_empty(), "not caught: {missed:#?}");
}

#[test]
fn the_cases_that_catch_twins_pass_on_the_good_store() {
    let caught_by: std::collections::BTreeSet<_> = TWINS.iter().map(|twin| twin.caught_by).collect();
    let failed: Vec<_> = caught_by.into_iter().filter(|name| fails(name, Base::Good, log::intact)).collect();
    assert!(failed.is_empty(), "the good store fails: {failed:#?}");
}
