//! [`Statements`]: what is measured of the statements that append.

use es_core::metrics::{WRITE_CALLS, WRITES_IN_FLIGHT};
use metrics::{Gauge, Histogram};

/// The value of the label `store`.
pub(crate) const STORE: &str = "postgres";

/// How many calls a statement carries, and how many statements are under way. Every clone has the same instruments.
#[derive(Clone)]
pub(crate) struct Statements {
    calls: Histogram,
    in_flight: Gauge,
}

impl Statements {
    pub(crate) fn new() -> Self {
        Self { calls: WRITE_CALLS.histogram(&[STORE]), in_flight: WRITES_IN_FLIGHT.gauge(&[STORE]) }
    }

    /// A statement with so many calls is under way until what is given back is dropped.
    pub(crate) fn begin(&self, calls: usize) -> InFlight {
        self.calls.record(calls as f64);
        self.in_flight.increment(1.0);
        InFlight(self.in_flight.clone())
    }
}

/// Counts a statement for as long as it is there.
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
