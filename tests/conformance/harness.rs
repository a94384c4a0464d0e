//! The suite itself: what is skipped is declared, and what is not declared fails.

use super::memory::Memory;
use async_trait::async_trait;
use es_conformance::{Ability, Case, Instance, Settings, Subject};
use es_core::Store;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A subject that can do nothing, and says so or not.
struct Bare {
    lacks: &'static [Ability],
}

struct BareInstance(Arc<dyn Store>);

#[async_trait]
impl Subject for Bare {
    async fn instance(&self, _: Settings) -> Box<dyn Instance> {
        Box::new(BareInstance(Memory::default().instance(Settings::default()).await.store()))
    }

    fn lacks(&self) -> &[Ability] {
        self.lacks
    }
}

impl Instance for BareInstance {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }
}

/// Whether the case ends well on a subject that declares to lack this.
fn ends_well(case: Case, lacks: &'static [Ability]) -> bool {
    let run = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.unwrap().block_on(case.run(&Bare { lacks }));
    });
    run.join().is_ok()
}

#[test]
fn an_ability_that_is_missing_and_not_declared_fails_the_case() {
    let needs = |ability| Case::all().into_iter().filter(move |case| case.needs.contains(&ability));
    for (ability, declared) in [
        (Ability::Reopen, &[Ability::Reopen][..]),
        (Ability::SecondHandle, &[Ability::SecondHandle]),
        (Ability::Tamper, &[Ability::Tamper]),
        (Ability::HoldAppend, &[Ability::HoldAppend]),
        (Ability::Limits, &[Ability::Limits]),
        (Ability::Clock, &[Ability::Clock]),
    ] {
        assert!(needs(ability).count() > 0, "{ability} is needed by nobody");
        for case in needs(ability) {
            assert!(!ends_well(case, &[]), "{}: {ability} is missing and nobody said so", case.name);
            assert!(ends_well(case, declared), "{}: it was said that {ability} is missing", case.name);
        }
    }
}

#[test]
fn a_pool_that_is_larger_than_declared_fails_a_case() {
    let needs_one = |case: &Case| case.needs.contains(&Ability::OneConnection);
    let cases: Vec<_> = Case::all().into_iter().filter(needs_one).collect();
    assert!(!cases.iter().all(|case| ends_well(*case, &[])), "nobody noticed that there is no pool of one");
    assert!(cases.iter().all(|case| ends_well(*case, &[Ability::OneConnection])));
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let all = Case::all();
    let names: BTreeSet<_> = all.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(names.iter().all(|name| Case::named(name).is_some_and(|case| case.name == *name)));
}
