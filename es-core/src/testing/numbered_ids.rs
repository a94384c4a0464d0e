//! [`NumberedIds`].

use crate::IdSource;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Ids that count up from one above a number: the same in every run of a test.
#[derive(Debug, Default)]
pub struct NumberedIds(AtomicU64);

impl NumberedIds {
    /// Ids above `number`.
    pub fn after(number: u64) -> Self {
        Self(AtomicU64::new(number))
    }
}

impl IdSource for NumberedIds {
    fn next(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}
