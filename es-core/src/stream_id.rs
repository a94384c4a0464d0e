//! [`StreamId`].

use crate::name::{self, InvalidName, NameKind};
use crate::{Aggregate, KeyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The name of a stream: a category and a key, shown as `account-0197…`.
///
/// A category is made of lower case letters, digits and `_`; a key is any UTF-8 without control characters.
/// Both and the `-` between them have at most [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX) bytes. Keys are kept
/// as they are: upper and lower case, or two Unicode forms of one letter, are different keys.
/// A clone shares the text.
///
/// ```
/// # use es_core::StreamId;
/// let stream = StreamId::new("account", "DE02-1203")?;
/// assert_eq!(stream.to_string(), "account-DE02-1203");
/// assert_eq!((stream.category(), stream.key()), ("account", "DE02-1203"));
/// # Ok::<(), es_core::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    text: Arc<str>,
}

impl StreamId {
    /// The stream with this category and key.
    ///
    /// # Errors
    /// [`InvalidName`] when either leaves its alphabet, is empty, or both together are too long.
    pub fn new(category: &str, key: impl fmt::Display) -> Result<Self, InvalidName> {
        format!("{category}-{key}").parse()
    }

    /// The stream of the aggregate with this id.
    ///
    /// # Errors
    /// [`InvalidName`] when the id's text cannot be a key.
    pub fn of<A: Aggregate>(id: &A::Id) -> Result<Self, InvalidName> {
        Self::new(A::NAME, id)
    }

    /// What comes before the first `-`.
    pub fn category(&self) -> &str {
        self.parts().0
    }

    /// What comes after the first `-`.
    pub fn key(&self) -> &str {
        self.parts().1
    }

    /// The whole text, `category-key`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id of the aggregate whose stream this is.
    ///
    /// # Errors
    /// [`KeyError`] when the stream belongs to another aggregate, or its key is not such an id.
    pub fn id<A: Aggregate>(&self) -> Result<A::Id, KeyError> {
        if self.category() != A::NAME {
            return Err(KeyError::new(format!("expected a stream of `{}`, found `{self}`", A::NAME)));
        }
        self.key()
            .parse()
            .map_err(|error| KeyError::new(format!("the key of stream `{self}` is no id: {error}")))
    }

    fn parts(&self) -> (&str, &str) {
        self.text.split_once('-').expect("a stream id is made with a dash")
    }
}

impl FromStr for StreamId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        name::check_length(NameKind::StreamId, text)?;
        let (category, key) = text.split_once('-').ok_or_else(|| name::no_dash(text))?;
        name::check_category(category)?;
        name::check_text(NameKind::StreamKey, key)?;
        Ok(Self { text: text.into() })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.text)
    }
}

impl Serialize for StreamId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for StreamId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
