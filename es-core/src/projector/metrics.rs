//! What projectors measure.

use crate::metrics::{
    PROJECTION_BATCH_EVENTS, PROJECTION_BATCH_SECONDS, PROJECTION_DEAD_LETTERS, PROJECTION_EVENTS,
    PROJECTION_HALTS, PROJECTION_LAG_POSITIONS, PROJECTION_LAG_SECONDS, PROJECTION_LEASES, PROJECTION_OWNER,
    PROJECTION_POSITION, PROJECTION_READ_SECONDS, PROJECTION_RESTARTS, PROJECTION_RETRIES,
};
use crate::{GenerationState, Position, ProjectionId, Slices};
use metrics::{Counter, Gauge, Histogram};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    position: Gauge,
    lag_positions: Gauge,
    lag_seconds: Gauge,
    /// Where each of its shards is that this process works on, by their first slice.
    places: Arc<Mutex<BTreeMap<u16, Place>>>,
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
            places: Arc::default(),
            owner: PROJECTION_OWNER.gauge(&labels),
            leases_taken: leases("taken"),
            leases_lost: leases("lost"),
            halts: PROJECTION_HALTS.counter(&labels),
            dead_letters: PROJECTION_DEAD_LETTERS.counter(&labels),
        }
    }

    /// Shows the shard that is furthest behind.
    pub(super) fn show(&self, slices: Slices, place: Place) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(slices.first(), place);
        let most = |of: fn(&Place) -> f64| places.values().map(of).fold(0.0, f64::max);
        let position = places.values().map(|place| place.position).min().unwrap_or(Position::START);
        self.position.set(position.value() as f64);
        self.lag_positions.set(most(|place| place.lag_positions as f64));
        self.lag_seconds.set(most(|place| place.lag_seconds));
    }

    /// This process has given back a shard. What was shown last stays, if it was the only one.
    pub(super) fn hide(&self, slices: Slices) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(&slices.first());
    }

    pub(super) fn hide_all(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// This process is the owner until what is given back is dropped.
    pub(super) fn own(&self) -> Owning {
        self.owner.increment(1.0);
        Owning(self.owner.clone())
    }
}

/// Where a shard is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) position: Position,
    pub(super) lag_positions: u64,
    pub(super) lag_seconds: f64,
}

/// Counts an owner for as long as it is there. Counted rather than set, since a former owner may end after the next
/// one has begun.
pub(super) struct Owning(Gauge);

impl Drop for Owning {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
