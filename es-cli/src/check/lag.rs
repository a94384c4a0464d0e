//! `check lag`.

use super::models::{Model, models};
use super::{Answer, Judged, Severity, limits, plain, projections};
use crate::age::lag_seconds;
use crate::command::{LagLimit, LagUnit};
use crate::text::escaped;
use crate::{Failure, FailureKind, LagArgs};
use es_core::{App, EventStore, Generation, Position};

/// How much of a halt's cause is shown: the line goes to pagers and chats.
const CAUSE_CHARS_MAX: usize = 200;

pub(super) async fn check(app: &App, args: &LagArgs) -> Result<Answer, Failure> {
    let LagArgs { warn, crit, projection } = args;
    if warn.unit != crit.unit {
        let message = format!("--warn {warn} and --crit {crit} are of two kinds, expected one");
        return Err(Failure::new(FailureKind::Usage, message)
            .with_hint("give both in positions, or both in seconds, as in 30s"));
    }
    if warn.amount > crit.amount {
        return Err(limits(warn, crit));
    }
    // The generations first: a read model is then never ahead of the log that it is compared with.
    let declared = app.projectors().iter().map(|projector| projector.projection()).collect();
    let models = models(app, declared, projection.as_deref()).await?;
    let head = app.store().head().await?.map_or(Position::START, |head| head.position);
    let (mut most, mut judged) = (0, Vec::with_capacity(models.len()));
    for model in &models {
        let lag = lag(app, model, head, warn.unit).await?;
        most = most.max(lag);
        judged.push(judge(model, lag, args));
    }
    let well = format!("{}, at most {} behind", projections(models.len()), amount(most, warn.unit));
    Ok(Answer::of("LAG", judged, &well))
}

async fn lag(app: &App, model: &Model, head: Position, unit: LagUnit) -> Result<u64, Failure> {
    let position = model.live().map_or(Position::START, Generation::position);
    match unit {
        LagUnit::Positions => Ok(head.value().saturating_sub(position.value())),
        LagUnit::Seconds => Ok(lag_seconds(&**app.store(), position, head).await?),
    }
}

fn judge(model: &Model, lag: u64, args: &LagArgs) -> Judged {
    let LagArgs { warn, crit, .. } = args;
    let name = &model.name;
    let unit = if warn.unit == LagUnit::Seconds { "s" } else { "" };
    let number = format!("{name}={lag}{unit};{};{};0", warn.amount, crit.amount);
    let behind = amount(lag, warn.unit);
    if let Some(halt) = model.generation.as_ref().and_then(|generation| generation.halt()) {
        let cause: String = escaped(&halt.cause).chars().take(CAUSE_CHARS_MAX).collect();
        let text = format!("{name} halted at position {}, {behind} behind: {}", halt.position, plain(&cause));
        return Judged { severity: Severity::Critical, text, number };
    }
    let is_above = |limit: &LagLimit| lag > limit.amount;
    let severity = match () {
        () if is_above(crit) => Severity::Critical,
        () if is_above(warn) => Severity::Warning,
        () => Severity::Ok,
    };
    let never = match (model.live(), &model.generation) {
        (Some(_), _) => "",
        (None, Some(_)) => ", it is being built",
        (None, None) => ", it was never run",
    };
    Judged { severity, text: format!("{name} is {behind} behind{never}"), number }
}

fn amount(lag: u64, unit: LagUnit) -> String {
    let noun = match (unit, lag) {
        (LagUnit::Positions, 1) => "position",
        (LagUnit::Positions, _) => "positions",
        (LagUnit::Seconds, 1) => "second",
        (LagUnit::Seconds, _) => "seconds",
    };
    format!("{lag} {noun}")
}
