//! [`Settings`].

use es_core::Limits;
use es_core::testing::ManualClock;
use std::time::Duration;

/// How a case wants its store to be made.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
#[must_use]
pub struct Settings {
    /// What it refuses. Other than the default only for a subject with [`Ability::Limits`](crate::Ability::Limits).
    pub limits: Limits,
    /// What time it is. Only for a subject with [`Ability::Clock`](crate::Ability::Clock).
    pub clock: Option<ManualClock>,
    /// How many connections it may open. Only for a subject with
    /// [`Ability::OneConnection`](crate::Ability::OneConnection).
    pub connections_max: Option<usize>,
    /// How long a call waits for a connection. Comes with `connections_max`, and for the same subjects.
    pub wait_max: Option<Duration>,
}

impl Settings {
    /// Sets what the store refuses.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets the clock that events are recorded by.
    pub fn with_clock(self, clock: ManualClock) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// Sets how many connections the store may open.
    pub fn with_connections_max(self, connections_max: usize) -> Self {
        Self { connections_max: Some(connections_max), ..self }
    }

    /// Sets how long a call waits for a connection.
    pub fn with_wait_max(self, wait_max: Duration) -> Self {
        Self { wait_max: Some(wait_max), ..self }
    }
}
