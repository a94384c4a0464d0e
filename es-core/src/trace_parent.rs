//! [`TraceParent`].

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A W3C `traceparent`, such as `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`.
///
/// Source: W3C Trace Context, section 3.2. A header of a later version is read by its first four fields and
/// written as version 00, as the recommendation asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
}

/// A text that is no W3C `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a traceparent such as 00-<32 hex digits>-<16 hex digits>-01, with ids that are not zero")]
pub struct InvalidTraceParent;

impl TraceParent {
    /// The id of the whole trace.
    pub fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// The id of the caller's span.
    pub fn parent_id(self) -> u64 {
        self.parent_id
    }

    /// Whether the caller records the trace.
    pub fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut fields = text.split('-');
        let mut next = |len: usize| {
            let field = fields.next().filter(|field| field.len() == len);
            let lower = |field: &&str| field.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            field
                .filter(lower)
                .and_then(|field| u128::from_str_radix(field, 16).ok())
                .ok_or(InvalidTraceParent)
        };
        let version = next(2)?;
        let (trace_id, parent_id, flags) = (next(32)?, next(16)? as u64, next(2)? as u8);
        let extra = fields.next().is_some();
        if version == 0xff || trace_id == 0 || parent_id == 0 || (version == 0 && extra) {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace_id, parent_id, flags })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl Serialize for TraceParent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceParent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_comes_back_as_it_was() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed: TraceParent = text.parse().unwrap();
        assert_eq!(parsed.to_string(), text);
        assert!(parsed.is_sampled());
        let later: TraceParent =
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what".parse().unwrap();
        assert!(!later.is_sampled());
    }

    #[test]
    fn what_the_recommendation_forbids_is_refused() {
        for text in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-+7ad6b7169203331-01",
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(InvalidTraceParent), "{text}");
        }
    }
}
