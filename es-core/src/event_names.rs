//! [`EventNames`]: the names that events are stored under, kept once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{LazyLock, PoisonError, RwLock};

/// How many names are kept, for as long as the process lives: at most half a megabyte.
const NAMES_KEPT_MAX: usize = 1_024;
/// How many of them a reader looks through by itself.
const NAMES_NEAR_MAX: usize = 8;

/// The names that were read in this process.
static KEPT: LazyLock<RwLock<HashSet<&'static str>>> = LazyLock::new(RwLock::default);

/// Gives stores the names of the events that they read: an application has few, so that nearly all of its events share theirs.
///
/// ```
/// # use es_core::EventNames;
/// let mut names = EventNames::default();
/// let (one, other) = (names.name("account.opened"), names.name("account.opened"));
/// assert_eq!(one.as_ptr(), other.as_ptr());
/// ```
#[derive(Debug, Default)]
pub struct EventNames {
    near: Vec<&'static str>,
}

impl EventNames {
    /// The name with this text.
    pub fn name(&mut self, text: &str) -> Cow<'static, str> {
        if let Some(name) = self.near.iter().find(|name| **name == text) {
            return Cow::Borrowed(name);
        }
        let Some(name) = kept(text) else { return Cow::Owned(text.to_owned()) };
        if self.near.len() < NAMES_NEAR_MAX {
            self.near.push(name);
        }
        Cow::Borrowed(name)
    }
}

/// The name as it is kept; nothing where there are too many.
fn kept(text: &str) -> Option<&'static str> {
    let known = KEPT.read().unwrap_or_else(PoisonError::into_inner).get(text).copied();
    known.or_else(|| keep(&mut KEPT.write().unwrap_or_else(PoisonError::into_inner), text))
}

fn keep(names: &mut HashSet<&'static str>, text: &str) -> Option<&'static str> {
    if let Some(name) = names.get(text) {
        return Some(name);
    }
    if names.len() >= NAMES_KEPT_MAX || text.len() > crate::NAME_BYTES_MAX {
        return None;
    }
    let name: &'static str = Box::leak(text.into());
    names.insert(name);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_names_are_kept_than_may_be() {
        let mut names = HashSet::new();
        for n in 0..NAMES_KEPT_MAX {
            assert!(keep(&mut names, &format!("name.{n}")).is_some());
        }
        assert_eq!(keep(&mut names, "one.more"), None);
        assert_eq!(keep(&mut names, "name.0"), Some("name.0"));
        let mut few = HashSet::new();
        assert_eq!(keep(&mut few, &"x".repeat(crate::NAME_BYTES_MAX + 1)), None);
        assert!(few.is_empty());
    }

    #[test]
    fn more_names_than_are_near_are_all_told_apart() {
        let mut names = EventNames::default();
        for n in 0..3 * NAMES_NEAR_MAX {
            assert_eq!(names.name(&format!("near.{n}")), format!("near.{n}"));
        }
        assert_eq!(names.near.len(), NAMES_NEAR_MAX);
        assert_eq!(names.name("near.20"), "near.20");
    }
}
