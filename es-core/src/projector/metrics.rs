//! What projectors measure.

use crate::metrics::{
    PROJECTION_BATCH_EVENTS, PROJECTION_BATCH_SECONDS, PROJECTION_DEAD_LETTERS, PROJECTION_EVENTS,
    PROJECTION_HALTS, PROJECTION_LAG_POSITIONS, PROJECTION_LAG_SECONDS, PROJECTION_LEASES, PROJECTION_OWNER,
    PROJECTION_POSITION, PROJECTION_READ_SECONDS, PROJECTION_RESTARTS, PROJECTION_RETRIES,
};
use crate::{GenerationState, ProjectionId};
use metrics::{Counter, Gauge, Histogram};
use std::sync::OnceLock;

/// The instruments of one projection, taken when its projector is made and shared by its clones.
pub(super) struct ProjectorMetrics {
    projection: ProjectionId,
    pub(super) retries: Counter,
    pub(super) restarts: Counter,
    live: GenerationMetrics,
    /// Taken by the first rebuild: most processes never have one.
    building: OnceLock<GenerationMetrics>,
}

impl ProjectorMetrics {
    pub(super) fn of(projection: &ProjectionId) -> Self {
        let labels = [projection.name(), &projection.version().to_string()];
        Self {
            projection: projection.clone(),
            retries: PROJECTION_RETRIES.counter(&labels),
            restarts: PROJECTION_RESTARTS.counter(&labels),
            live: GenerationMetrics::of(projection, GenerationState::Live),
            building: OnceLock::new(),
        }
    }

    /// Those of a generation.
    pub(super) fn generation(&self, state: GenerationState) -> &GenerationMetrics {
        match state {
            GenerationState::Live => &self.live,
            GenerationState::Building | GenerationState::Kept => {
                self.building.get_or_init(|| GenerationMetrics::of(&self.projection, state))
            }
        }
    }
}

/// The instruments of one generation.
#[derive(Clone)]
pub(super) struct GenerationMetrics {
    pub(super) events: Counter,
    pub(super) batch_events: Histogram,
    pub(super) read_seconds: Histogram,
    pub(super) batch_seconds: Histogram,
    pub(super) position: Gauge,
    pub(super) lag_positions: Gauge,
    pub(super) lag_seconds: Gauge,
    owner: Gauge,
    pub(super) leases_taken: Counter,
    pub(super) leases_lost: Counter,
    pub(super) halts: Counter,
    pub(super) dead_letters: Counter,
}

impl GenerationMetrics {
    fn of(projection: &ProjectionId, state: GenerationState) -> Self {
        let (name, version, state) = (projection.name(), projection.version().to_string(), state.as_str());
        let labels = [name, &version, state];
        let leases = |outcome| PROJECTION_LEASES.counter(&[name, &version, state, outcome]);
        Self {
            events: PROJECTION_EVENTS.counter(&labels),
            batch_events: PROJECTION_BATCH_EVENTS.histogram(&labels),
            read_seconds: PROJECTION_READ_SECONDS.histogram(&labels),
            batch_seconds: PROJECTION_BATCH_SECONDS.histogram(&labels),
            position: PROJECTION_POSITION.gauge(&labels),
            lag_positions: PROJECTION_LAG_POSITIONS.gauge(&labels),
            lag_seconds: PROJECTION_LAG_SECONDS.gauge(&labels),
            owner: PROJECTION_OWNER.gauge(&labels),
            leases_taken: leases("taken"),
            leases_lost: leases("lost"),
            halts: PROJECTION_HALTS.counter(&labels),
            dead_letters: PROJECTION_DEAD_LETTERS.counter(&labels),
        }
    }

    /// This process is the owner until what is given back is dropped.
    pub(super) fn own(&self) -> Owning {
        self.owner.increment(1.0);
        Owning(self.owner.clone())
    }
}

/// Counts an owner for as long as it is there. Counted rather than set, since a former owner may end after the next
/// one has begun.
pub(super) struct Owning(Gauge);

impl Drop for Owning {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
