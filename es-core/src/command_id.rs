//! [`CommandId`].

use crate::name::{self, InvalidName, NameKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The caller's name for one command, such as an idempotency key: the command has one effect however often it is
/// sent.
///
/// Unique in a store. At most [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX) bytes of UTF-8 without control characters.
/// A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(Arc<str>);

impl CommandId {
    /// The id with this text.
    ///
    /// # Errors
    /// [`InvalidName`] when the text is empty, too long, or has a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
        text.as_ref().parse()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommandId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        name::check_text(NameKind::CommandId, text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for CommandId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CommandId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
