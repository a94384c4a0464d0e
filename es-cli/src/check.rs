//! `check`: answers for monitoring, as Nagios plugins give them.

use crate::output::Console;
use crate::text::escaped;
use crate::{Failure, FailureKind, LagArgs};
use es_core::{App, CheckpointStore, EventStore, Generation, GenerationState, Position, ProjectionId};
use std::collections::BTreeMap;
use std::io::Write;

/// How much of a halt's cause is shown: the line goes to pagers and chats.
const CAUSE_CHARS_MAX: usize = 200;

/// Carries out `check lag`, which always writes one line.
pub(crate) async fn lag(app: &App, args: &LagArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let answer = match models(app, args).await {
        Ok((models, head)) => Answer::of(&models, head, args),
        Err(failure) => Answer::unknown(&failure),
    };
    console.line(&answer.line)?;
    answer.outcome()
}

/// What a check ends with that could not even begin, as where the store cannot be opened: writes the line with UNKNOWN to
/// stdout. A failure that a check has ended with stays as it is.
pub fn unknown(failure: Failure) -> Failure {
    if failure.kind().is_told() {
        return failure;
    }
    let answer = Answer::unknown(&failure);
    // Where even stdout is closed, the exit code is all that is left to say.
    let _ = writeln!(anstream::stdout(), "{}", answer.line);
    Failure::new(FailureKind::Unknown, answer.line)
}

/// A read model as it is checked.
struct Model {
    name: String,
    /// None before it was run for the first time.
    generation: Option<Generation>,
}

/// What is checked: the read models of the application, or else those in the store, each in its highest version.
async fn models(app: &App, args: &LagArgs) -> Result<(Vec<Model>, Position), Failure> {
    if args.warn > args.crit {
        let message = format!("--warn {} is above --crit {}, expected it not to be", args.warn, args.crit);
        return Err(Failure::new(FailureKind::Usage, message));
    }
    // The generations first: a read model is then never ahead of the log that it is compared with.
    let generations = app.store().generations().await?;
    let head = app.store().head().await?.map_or(Position::START, |head| head.position);
    let declared = app.projectors().iter().map(|projector| projector.projection());
    let mut known: Vec<_> = declared.collect();
    if known.is_empty() {
        known = generations.iter().map(|generation| &generation.projection).collect();
    }
    let mut highest = BTreeMap::<&str, &ProjectionId>::new();
    for projection in known {
        let known = highest.entry(projection.name()).or_insert(projection);
        *known = (*known).max(projection);
    }
    let is_meant = |name: &str| args.projection.as_deref().is_none_or(|wanted| wanted == name);
    let models = highest.values().filter(|projection| is_meant(projection.name())).map(|projection| Model {
        name: projection.name().to_owned(),
        generation: generation_of(projection, &generations).cloned(),
    });
    let models: Vec<_> = models.collect();
    match &args.projection {
        Some(name) if models.is_empty() => {
            let message = format!("no projection is named `{name}`");
            Err(Failure::new(FailureKind::NotFound, message))
        }
        None if models.is_empty() => Err(Failure::new(FailureKind::NotFound, "there are no projections")),
        _ => Ok((models, head)),
    }
}

/// The one that is read, or else the first one, which is building.
fn generation_of<'a>(projection: &ProjectionId, generations: &'a [Generation]) -> Option<&'a Generation> {
    let own = || generations.iter().filter(|generation| generation.projection == *projection);
    own().find(|generation| generation.state == GenerationState::Live).or_else(|| own().next())
}

/// How bad it is, in the words and codes of Nagios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }
}

struct Answer {
    severity: Severity,
    line: String,
}

impl Answer {
    fn of(models: &[Model], head: Position, args: &LagArgs) -> Self {
        let judged: Vec<_> = models.iter().map(|model| judge(model, head, args)).collect();
        let severity = judged.iter().map(|judged| judged.severity).max().unwrap_or(Severity::Unknown);
        let text = if severity == Severity::Ok {
            let most = judged.iter().map(|judged| judged.lag).max().unwrap_or(0);
            let noun = if models.len() == 1 { "projection" } else { "projections" };
            format!("{} {noun}, at most {} behind", models.len(), positions(most))
        } else {
            let mut bad: Vec<_> = judged.iter().filter(|judged| judged.severity > Severity::Ok).collect();
            bad.sort_by_key(|judged| std::cmp::Reverse(judged.severity));
            bad.iter().map(|judged| judged.text.as_str()).collect::<Vec<_>>().join("; ")
        };
        let LagArgs { warn, crit, .. } = args;
        let numbers = models.iter().zip(&judged);
        let numbers: Vec<_> =
            numbers.map(|(model, judged)| format!("{}={};{warn};{crit};0", model.name, judged.lag)).collect();
        Self { severity, line: format!("LAG {} - {text} | {}", severity.word(), numbers.join(" ")) }
    }

    fn unknown(failure: &Failure) -> Self {
        let hint = failure.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        let text = plain(&format!("{}{}", failure.sentence(), escaped(&hint)));
        Self { severity: Severity::Unknown, line: format!("LAG UNKNOWN - {text}") }
    }

    fn outcome(self) -> Result<(), Failure> {
        let kind = match self.severity {
            Severity::Ok => return Ok(()),
            Severity::Warning => FailureKind::Warning,
            Severity::Critical => FailureKind::Critical,
            Severity::Unknown => FailureKind::Unknown,
        };
        Err(Failure::new(kind, self.line))
    }
}

struct Judged {
    severity: Severity,
    lag: u64,
    text: String,
}

fn judge(model: &Model, head: Position, args: &LagArgs) -> Judged {
    let name = &model.name;
    // Readers find nothing in one that is only being built.
    let live = model.generation.as_ref().filter(|generation| generation.state == GenerationState::Live);
    let position = live.map_or(Position::START, Generation::position);
    let lag = head.value().saturating_sub(position.value());
    if let Some(halt) = model.generation.as_ref().and_then(|generation| generation.halt.as_ref()) {
        let cause: String = escaped(&halt.cause).chars().take(CAUSE_CHARS_MAX).collect();
        let text = format!(
            "{name} halted at position {}, {} behind: {}",
            halt.position,
            positions(lag),
            plain(&cause)
        );
        return Judged { severity: Severity::Critical, lag, text };
    }
    let severity = match lag {
        lag if lag > args.crit => Severity::Critical,
        lag if lag > args.warn => Severity::Warning,
        _ => Severity::Ok,
    };
    let never = match (live, &model.generation) {
        (Some(_), _) => "",
        (None, Some(_)) => ", it is being built",
        (None, None) => ", it was never run",
    };
    Judged { severity, lag, text: format!("{name} is {} behind{never}", positions(lag)) }
}

fn positions(lag: u64) -> String {
    format!("{lag} {}", if lag == 1 { "position" } else { "positions" })
}

/// Without what begins the numbers in the line.
fn plain(text: &str) -> String {
    text.replace('|', "/")
}
