//! [`KeptSnapshot`]: what a store says of a snapshot without its state.

use crate::{InvalidName, StreamId, Version};

/// Which snapshot: a stream has one for each schema version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotPlace {
    /// The stream.
    pub stream: StreamId,
    /// The aggregate's [`SNAPSHOT_VERSION`](crate::Aggregate::SNAPSHOT_VERSION) when it was saved.
    pub schema_version: u32,
}

/// What is known of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSnapshot {
    /// Its place.
    pub place: SnapshotPlace,
    /// The version of the stream that the state was folded up to.
    pub version: Version,
    /// How many bytes the state has.
    pub bytes: u64,
}

/// Whose snapshots are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotsOf {
    /// Those of every stream.
    All,
    /// Those of the streams of a category.
    Category(String),
    /// Those of one stream.
    Stream(StreamId),
}

impl SnapshotsOf {
    /// Those of a stream, or of a category: `account-DE02`, or `account`.
    ///
    /// # Errors
    /// [`InvalidName`] when it is neither.
    pub fn named(text: &str) -> Result<Self, InvalidName> {
        if text.contains('-') {
            return text.parse().map(Self::Stream);
        }
        // A category is what may stand in front of a key.
        StreamId::new(text, "k").map(|stream| Self::Category(stream.category().to_owned()))
    }

    /// Between which texts the streams are, by their bytes: the first is the least of them, the second is above them all.
    pub fn bounds(&self) -> (String, String) {
        match self {
            // Categories are lower case letters, digits and `_`, which are all below `{`.
            Self::All => (String::new(), "{".to_owned()),
            // Behind `-` comes `.`, which is in no category.
            Self::Category(category) => (format!("{category}-"), format!("{category}.")),
            // Keys have no control characters.
            Self::Stream(stream) => (stream.to_string(), format!("{stream}\u{1}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_stream_or_a_category() {
        let stream = SnapshotsOf::Stream("account-a-b".parse().unwrap());
        assert_eq!(SnapshotsOf::named("account-a-b"), Ok(stream));
        assert_eq!(SnapshotsOf::named("account"), Ok(SnapshotsOf::Category("account".into())));
        for neither in ["", "Account", "account-", "a.b"] {
            assert!(SnapshotsOf::named(neither).is_err(), "{neither}");
        }
    }

    #[test]
    fn the_bounds_hold_just_what_is_meant() {
        let streams =
            ["account-a", "account-a b", "account-aa", "account-{", "account_b-a", "accounts-a", "zz-z"];
        let within = |of: SnapshotsOf| {
            let (from, below) = of.bounds();
            streams
                .iter()
                .filter(|stream| ***stream >= *from && ***stream < *below)
                .copied()
                .collect::<Vec<_>>()
        };
        assert_eq!(within(SnapshotsOf::All), streams);
        assert_eq!(within(SnapshotsOf::Category("account".into())), streams[..4]);
        assert_eq!(within(SnapshotsOf::Stream("account-a".parse().unwrap())), streams[..1]);
    }
}
