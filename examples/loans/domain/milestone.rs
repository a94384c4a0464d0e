//! [`Milestone`].

use serde::Serialize;
use std::fmt;

/// What an application passes on its way, each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    PartlySubmitted,
    Preaccepted,
    Accepted,
    Finalized,
    Registered,
    Activated,
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::PartlySubmitted => "partly submitted",
            Self::Preaccepted => "preaccepted",
            Self::Accepted => "accepted",
            Self::Finalized => "finalized",
            Self::Registered => "registered",
            Self::Activated => "activated",
        })
    }
}
