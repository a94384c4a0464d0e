//! [`Filter`].

use crate::{Event, StreamId};
use std::collections::BTreeSet;

/// The categories and event names a reader wants. The default wants everything.
///
/// ```
/// # use es_core::Filter;
/// let filter = Filter::default().category("account").name("account.deposited").names_under("audit");
/// assert!(filter.wants_name("account.deposited") && filter.wants_name("audit.logged.in"));
/// assert!(!filter.wants_name("account.withdrawn") && !filter.wants_name("audit"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Filter {
    categories: BTreeSet<String>,
    names: BTreeSet<String>,
    prefixes: BTreeSet<String>,
}

impl Filter {
    /// Everything that `E` can read: its names and aliases, and whatever starts with its prefix, so that a name
    /// that `E` does not know is found rather than skipped.
    pub fn of<E: Event>() -> Self {
        E::TYPES.iter().fold(Self::default(), |filter, kind| {
            let filter =
                kind.aliases.iter().fold(filter.name(kind.name), |filter, alias| filter.name(*alias));
            match kind.name.rsplit_once('.') {
                Some((prefix, _)) => filter.names_under(prefix),
                None => filter,
            }
        })
    }

    /// Also wants streams of this category; without any category, all are wanted.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.categories.insert(category.into());
        self
    }

    /// Also wants events stored under this name; without any name or prefix, all are wanted.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.insert(name.into());
        self
    }

    /// Also wants events whose name is this prefix, a dot, and anything.
    pub fn names_under(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.insert(format!("{}.", prefix.into()));
        self
    }

    /// Whether every event is wanted.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an event of this stream with this name is wanted.
    pub fn wants(&self, stream: &StreamId, name: &str) -> bool {
        (self.categories.is_empty() || self.categories.contains(stream.category())) && self.wants_name(name)
    }

    /// Whether events with this name are wanted.
    pub fn wants_name(&self, name: &str) -> bool {
        (self.names.is_empty() && self.prefixes.is_empty())
            || self.names.contains(name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }

    /// The categories, for a store that filters by itself; empty means all.
    pub fn categories(&self) -> impl ExactSizeIterator<Item = &str> {
        self.categories.iter().map(String::as_str)
    }

    /// The exact names, for a store that filters by itself.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The prefixes, each with its dot, for a store that filters by itself.
    pub fn prefixes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.prefixes.iter().map(String::as_str)
    }
}
