//! `projections`: where the read models are, and whether they run.

use crate::output::{Align, Console, Table};
use crate::pause::{pause, resume};
use crate::text::{escaped, json_line};
use crate::{Failure, ProjectionsArgs, ProjectionsCommand};
use es_core::{App, Generation, GenerationState, Position, ProjectionId};
use serde::Serialize;

pub(crate) async fn run(app: &App, args: &ProjectionsArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    match &args.command {
        Some(ProjectionsCommand::Pause(which)) => return pause(&**app.store(), which, console).await,
        Some(ProjectionsCommand::Resume(which)) => return resume(&**app.store(), which, console).await,
        None => {}
    }
    // The generations first: a read model is then never ahead of the log that it is compared with.
    let generations = app.store().generations().await?;
    let head = app.store().head().await?.map_or(Position::START, |head| head.position);
    let overview = Overview::new(app, &generations, head);
    if args.json {
        let text = serde_json::to_string(&overview)?;
        return console.line(json_line(&text));
    }
    overview.write(console)
}

/// What `--json` prints.
#[derive(Serialize)]
pub(crate) struct Overview {
    head: u64,
    projections: Vec<ReadModel>,
}

#[derive(Serialize)]
struct ReadModel {
    name: String,
    version: u32,
    /// Whether the application still has it.
    declared: bool,
    state: State,
    position: u64,
    lag: u64,
    owner: Option<String>,
    halt: Option<Halt>,
    building: Option<Building>,
}

/// What grows beside the live read model.
#[derive(Serialize)]
struct Building {
    state: State,
    position: u64,
    lag: u64,
    owner: Option<String>,
    halt: Option<Halt>,
}

#[derive(Serialize)]
struct Halt {
    position: u64,
    cause: String,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
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
        match generation {
            Generation { paused: true, .. } => Self::Paused,
            Generation { halt: Some(_), .. } => Self::Halted,
            Generation { owner: Some(_), .. } => Self::Running,
            _ => Self::Stopped,
        }
    }

    fn live(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Stopped => "stopped",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
        }
    }

    fn building(self) -> &'static str {
        match self {
            Self::Running => "building",
            Self::Halted => "building halted",
            Self::New | Self::Stopped | Self::Paused => "building stopped",
        }
    }
}

impl Overview {
    /// The application's read models and its reactors in their order, and behind them those that are only in the store.
    pub(crate) fn new(app: &App, generations: &[Generation], head: Position) -> Self {
        let projections = app.projectors().iter().map(|projector| projector.projection());
        let declared: Vec<_> = projections.chain(app.reactors()).collect();
        let mut others: Vec<_> = generations.iter().map(|generation| &generation.projection).collect();
        others.retain(|projection| !declared.contains(projection));
        others.sort();
        others.dedup();
        let model = |projection: &ProjectionId, is_declared: bool| {
            let of = |state| {
                let mut own = generations.iter().filter(|generation| generation.projection == *projection);
                own.find(move |generation| generation.state == state)
            };
            let (live, building) = (of(GenerationState::Live), of(GenerationState::Building));
            ReadModel::new(projection, is_declared, live, building, head)
        };
        let declared = declared.into_iter().map(|projection| model(projection, true));
        let others = others.into_iter().map(|projection| model(projection, false));
        Self { head: head.value(), projections: declared.chain(others).collect() }
    }

    /// What is wrong with the application's own read models: one that a person has paused is not.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.projections.iter().filter(|model| model.declared).filter_map(|model| {
            let ReadModel { name, version, lag, halt, .. } = model;
            match model.state {
                State::Halted => {
                    let position = halt.as_ref().map_or(model.position, |halt| halt.position);
                    Some(format!("{name} v{version} has halted at position {position}"))
                }
                State::New | State::Stopped if *lag > 0 => {
                    Some(format!("nobody runs {name} v{version}, which is {lag} behind"))
                }
                _ => None,
            }
        })
    }

    fn write(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        if self.projections.is_empty() {
            console.note("the application has no projections");
            return Ok(());
        }
        let rows: Vec<_> = self.projections.iter().flat_map(ReadModel::rows).collect();
        let mut table = Table::new(&[
            ("projection", Align::Left),
            ("version", Align::Right),
            ("state", Align::Left),
            ("position", Align::Right),
            ("lag", Align::Right),
            ("owner", Align::Left),
        ]);
        table.fit(&rows);
        console.line(table.header())?;
        for row in &rows {
            console.line(table.row(row.iter().map(String::as_str)))?;
        }
        self.projections.iter().flat_map(ReadModel::halts).try_for_each(|line| console.line(line))
    }
}

impl ReadModel {
    fn new(
        projection: &ProjectionId,
        declared: bool,
        live: Option<&Generation>,
        building: Option<&Generation>,
        head: Position,
    ) -> Self {
        let position = live.map_or(Position::START, Generation::position);
        Self {
            name: projection.name().into(),
            version: projection.version(),
            declared,
            state: live.map_or(State::New, State::of),
            position: position.value(),
            lag: lag(head, position),
            owner: live.and_then(owner),
            halt: live.and_then(Halt::of),
            building: building.map(|generation| Building {
                state: State::of(generation),
                position: generation.position().value(),
                lag: lag(head, generation.position()),
                owner: owner(generation),
                halt: Halt::of(generation),
            }),
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |state: &str, position: u64, lag: u64, owner: &Option<String>| {
            vec![
                self.name.clone(),
                self.version.to_string(),
                state.to_owned(),
                position.to_string(),
                lag.to_string(),
                owner.clone().unwrap_or_else(|| "-".into()),
            ]
        };
        let state = match self.declared {
            true => self.state.live().to_owned(),
            false => format!("{}, not declared", self.state.live()),
        };
        let live = row(&state, self.position, self.lag, &self.owner);
        let building = self.building.as_ref();
        let building = building.map(|b| row(b.state.building(), b.position, b.lag, &b.owner));
        [live].into_iter().chain(building).collect()
    }

    fn halts(&self) -> Vec<String> {
        let line = |what: &str, halt: &Halt| {
            let Halt { position, cause } = halt;
            format!("{} v{}{what} halted at position {position}: {}", self.name, self.version, escaped(cause))
        };
        let live = self.halt.iter().map(|halt| line("", halt));
        let building = self.building.iter().flat_map(|building| &building.halt);
        live.chain(building.map(|halt| line(", building,", halt))).collect()
    }
}

impl Halt {
    fn of(generation: &Generation) -> Option<Self> {
        let halt = generation.halt.as_ref()?;
        Some(Self { position: halt.position.value(), cause: halt.cause.clone() })
    }
}

/// In positions, of which some stores leave out a few.
fn lag(head: Position, position: Position) -> u64 {
    head.value().saturating_sub(position.value())
}

fn owner(generation: &Generation) -> Option<String> {
    generation.owner.map(|owner| owner.to_string())
}
