//! [`Outcome`].

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an application ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Approved,
    Declined,
    Cancelled,
}

impl Outcome {
    pub const ALL: [Self; 3] = [Self::Approved, Self::Declined, Self::Cancelled];
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        })
    }
}
