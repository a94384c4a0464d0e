//! [`Key`]: what names a stream within its category, or a view within its projection.

use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;

/// A value with one text form: an aggregate's id or a view's key.
///
/// Anything that prints and parses is a key: `String`, numbers, [`uuid::Uuid`], [`Id<A>`](crate::Id), or your
/// own newtype with [`Display`] and [`FromStr`]. Parsing what was printed must give the same value back.
/// Keys are ordered by the bytes of their text on every store: `"10"` comes before `"9"`.
pub trait Key: Display + FromStr<Err: Display> + Clone + Eq + Hash + Send + Sync + 'static {}

impl<T: Display + FromStr<Err: Display> + Clone + Eq + Hash + Send + Sync + 'static> Key for T {}

/// A key that could not be made from an event or read from its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

impl KeyError {
    /// Says what was expected and what was found; it may be shown to people, so leave the payload out.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}
