//! [`Case`]: one promise, and how it is run.

use crate::{Ability, Subject, cases, wait};
use futures::future::LocalBoxFuture;
use std::fmt;
use std::io::Write;

/// One promise as a test.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name: a sentence, with the number of its scenario first where it has one.
    pub name: &'static str,
    /// What the subject must be able to do.
    pub needs: &'static [Ability],
    pub(crate) test: for<'s> fn(&'s dyn Subject) -> LocalBoxFuture<'s, ()>,
}

impl Case {
    /// All cases, in the order of the table.
    pub fn all() -> Vec<Self> {
        cases::all()
    }

    /// The case with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|case| case.name == name)
    }

    /// What the case needs and `subject` declares to be lacking.
    pub fn lacking(&self, subject: &dyn Subject) -> Option<Ability> {
        self.needs.iter().copied().find(|ability| subject.lacks().contains(ability))
    }

    /// Runs the case, or says on stderr that it is skipped and why.
    ///
    /// # Panics
    /// When the store breaks the promise.
    pub async fn run(&self, subject: &dyn Subject) {
        if let Some(reason) = subject.cannot_be_made() {
            return shout(&format!("conformance: {}: {reason}: skipped", self.name));
        }
        match self.lacking(subject) {
            None => wait::within(self.name, (self.test)(subject)).await,
            Some(ability) => shout(&format!(
                "conformance: {} needs {ability}, which this subject does not have: skipped",
                self.name
            )),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}

/// Runs one case on a runtime of its own with two threads; what [`conformance!`](crate::conformance) expands to.
///
/// # Panics
/// When the store breaks the promise.
#[doc(hidden)]
pub fn run_as_test(name: &str, make: impl FnOnce() -> Box<dyn Subject>) {
    let case = Case::named(name).expect("the table names every case");
    on_a_runtime(async { case.run(&*make()).await });
}

/// Lists the cases that `make`'s subject skips.
#[doc(hidden)]
pub fn list_skipped(make: impl FnOnce() -> Box<dyn Subject>) {
    let subject = on_a_runtime(async { make() });
    let all = Case::all();
    let skipped: Vec<_> = all.iter().filter_map(|case| Some((case, case.lacking(&*subject)?))).collect();
    let mut list = format!("conformance: {} of {} cases skipped", skipped.len(), all.len());
    for (case, ability) in skipped {
        list.push_str(&format!("\n  {} (needs {ability})", case.name));
    }
    shout(&list);
}

fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a machine that runs tests can run two threads").block_on(work)
}

/// Writes to stderr itself: what `eprintln!` says is hidden where a test passes.
fn shout(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // A closed stderr is no reason to fail a case.
    let _ = writeln!(stderr, "{text}");
}
