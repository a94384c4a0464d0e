//! [`Euros`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;
use std::str::FromStr;

/// An amount of money. The bank lends whole euros, so there is nothing to round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Euros(u64);

/// The largest amount anyone can apply for; a sum of ten thousand million of them still fits.
const EUROS_MAX: u64 = 1_000_000_000;

/// A text that is no amount anyone can apply for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected whole euros up to {EUROS_MAX}")]
pub struct InvalidAmount;

impl Euros {
    #[cfg(test)]
    pub const fn new(euros: u64) -> Self {
        Self(euros)
    }
}

impl FromStr for Euros {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let euros = text.parse().map_err(|_| InvalidAmount)?;
        if euros <= EUROS_MAX { Ok(Self(euros)) } else { Err(InvalidAmount) }
    }
}

impl fmt::Display for Euros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl AddAssign for Euros {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for Euros {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}
