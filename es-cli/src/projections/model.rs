//! [`ReadModel`]: what is known of a read model or a reactor.

use crate::age::lag_seconds;
use crate::streams::time;
use crate::text::escaped;
use chrono::SecondsFormat;
use es_core::{Checkpoint, Generation, Position, ProjectionId, Store};
use serde::Serialize;

/// One of the list; the fields and their order are stable.
#[derive(Serialize)]
pub(super) struct ReadModel {
    pub(super) name: String,
    pub(super) version: u32,
    /// Whether the application still has it.
    pub(super) declared: bool,
    #[serde(flatten)]
    pub(super) live: Build,
    pub(super) building: Option<Build>,
}

/// How far a generation is.
#[derive(Serialize)]
pub(super) struct Build {
    pub(super) state: State,
    pub(super) position: u64,
    /// In positions, of which some stores leave out a few.
    pub(super) lag: u64,
    /// The age of the oldest event that it has not taken yet; nothing where the log cannot be read there.
    pub(super) lag_seconds: Option<u64>,
    pub(super) dead_letters: u64,
    pub(super) paused: bool,
    /// Nothing where it was never run.
    pub(super) epoch: Option<i64>,
    pub(super) owner: Option<String>,
    pub(super) halt: Option<Halt>,
    /// What was tried again after; it stays when that has worked.
    pub(super) last_failure: Option<LastFailure>,
    /// Into how many it is divided, and where each is; just one is the whole.
    pub(super) shards: u16,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checkpoints: Vec<Place>,
}

/// Where a shard is, or a part of one that was put together from others.
#[derive(Serialize)]
pub(super) struct Place {
    /// The first of its slices, and the one behind its last.
    pub(super) slices: [u16; 2],
    pub(super) position: u64,
    pub(super) owner: Option<String>,
    pub(super) halt: Option<Halt>,
}

#[derive(Serialize)]
pub(super) struct Halt {
    pub(super) position: u64,
    pub(super) cause: String,
}

#[derive(Serialize)]
pub(super) struct LastFailure {
    pub(super) cause: String,
    pub(super) at: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nobody has ever run it.
    New,
    /// Nobody runs it now.
    Stopped,
    /// Somebody runs it.
    Running,
    /// A person has paused it.
    Paused,
    /// It stopped by itself.
    Halted,
}

impl State {
    fn of(generation: &Generation) -> Self {
        if generation.paused {
            Self::Paused
        } else if generation.halt().is_some() {
            Self::Halted
        } else if generation.owner().is_some() {
            Self::Running
        } else {
            Self::Stopped
        }
    }

    pub(super) fn live(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Stopped => "stopped",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
        }
    }

    pub(super) fn building(self) -> &'static str {
        match self {
            Self::Running => "building",
            Self::Halted => "building halted",
            Self::New | Self::Stopped | Self::Paused => "building stopped",
        }
    }
}

impl Build {
    pub(super) async fn new(store: &dyn Store, generation: Option<&Generation>, head: Position) -> Self {
        let position = generation.map_or(Position::START, Generation::position);
        let halt = generation.and_then(|generation| generation.halt());
        Self {
            state: generation.map_or(State::New, State::of),
            position: position.value(),
            lag: head.value().saturating_sub(position.value()),
            // Where the log cannot be read is told by whoever follows it.
            lag_seconds: lag_seconds(store, position, head).await.ok(),
            dead_letters: generation.map_or(0, |generation| generation.dead_letters),
            paused: generation.is_some_and(|generation| generation.paused),
            epoch: generation.map(|generation| generation.epoch()),
            owner: generation.and_then(|generation| generation.owner()).map(|owner| owner.to_string()),
            halt: halt.map(Halt::of),
            last_failure: generation.and_then(|generation| generation.failure()).map(LastFailure::of),
            shards: generation.map_or(1, |generation| generation.shards),
            checkpoints: generation.map_or_else(Vec::new, places),
        }
    }
}

impl Halt {
    fn of(halt: &es_core::Halt) -> Self {
        Self { position: halt.position.value(), cause: halt.cause.clone() }
    }
}

impl LastFailure {
    fn of(failure: &es_core::Failure) -> Self {
        Self { cause: failure.cause.clone(), at: time(failure.at, SecondsFormat::Millis) }
    }
}

/// Where the shards are, if there are several.
fn places(generation: &Generation) -> Vec<Place> {
    let place = |one: &Checkpoint| Place {
        slices: [one.slices.first(), one.slices.end()],
        position: one.position().value(),
        owner: one.owner.map(|owner| owner.to_string()),
        halt: one.halt.as_ref().map(Halt::of),
    };
    let several = generation.checkpoints.iter().filter(|_| generation.checkpoints.len() > 1);
    several.map(place).collect()
}

impl ReadModel {
    pub(super) async fn new(
        store: &dyn Store,
        projection: &ProjectionId,
        declared: bool,
        [live, building]: [Option<&Generation>; 2],
        head: Position,
    ) -> Self {
        Self {
            name: projection.name().into(),
            version: projection.version(),
            declared,
            live: Build::new(store, live, head).await,
            building: match building {
                Some(building) => Some(Build::new(store, Some(building), head).await),
                None => None,
            },
        }
    }

    /// Its row of the table, and that of what grows beside it.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |state: &str, build: &Build| {
            vec![
                self.name.clone(),
                self.version.to_string(),
                state.to_owned(),
                build.position.to_string(),
                build.lag.to_string(),
                build.dead_letters.to_string(),
                build.owner.clone().unwrap_or_else(|| "-".into()),
            ]
        };
        let state = match self.declared {
            true => self.live.state.live().to_owned(),
            false => format!("{}, not declared", self.live.state.live()),
        };
        let building = self.building.as_ref().map(|building| row(building.state.building(), building));
        [row(&state, &self.live)].into_iter().chain(building).collect()
    }

    /// Why it stands, if it stopped by itself.
    pub(super) fn halts(&self) -> Vec<String> {
        let line = |what: &str, halt: &Halt| {
            let Halt { position, cause } = halt;
            format!("{} v{}{what} halted at position {position}: {}", self.name, self.version, escaped(cause))
        };
        let live = self.live.halt.iter().map(|halt| line("", halt));
        let building = self.building.iter().flat_map(|building| &building.halt);
        live.chain(building.map(|halt| line(", building,", halt))).collect()
    }
}
