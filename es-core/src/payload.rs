//! [`Payload`].

use bytes::Bytes;
use std::fmt;

/// The stored bytes of one event: a JSON document that stays as it was written, byte for byte.
///
/// A clone shares the bytes. `Debug` shows their number only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// A payload of these bytes; a store refuses them on append when they are not a JSON document.
    pub fn new(json: impl Into<Bytes>) -> Self {
        Self(json.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}
