//! `check dead-letters`.

use super::models::{Model, models};
use super::{Answer, Judged, Severity, limits, projections};
use crate::{CheckLettersArgs, Failure};
use es_core::App;

pub(super) async fn check(app: &App, args: &CheckLettersArgs) -> Result<Answer, Failure> {
    if args.warn > args.crit {
        return Err(limits(&args.warn, &args.crit));
    }
    let declared = app.followers().map(|follower| follower.projection()).collect();
    let models = models(app, declared, args.projection.as_deref()).await?;
    let most = models.iter().map(count).max().unwrap_or(0);
    let judged = models.iter().map(|model| judge(model, args)).collect();
    let well = match most {
        0 => format!("{}, no dead letters", projections(models.len())),
        most => format!("{}, at most {} each", projections(models.len()), letters(most)),
    };
    Ok(Answer::of("DEAD LETTERS", judged, &well))
}

fn judge(model: &Model, args: &CheckLettersArgs) -> Judged {
    let (name, count) = (&model.name, count(model));
    let CheckLettersArgs { warn, crit, .. } = args;
    let severity = match count {
        count if count >= *crit => Severity::Critical,
        count if count >= *warn => Severity::Warning,
        _ => Severity::Ok,
    };
    let text = format!("{name} has {}", letters(count));
    Judged { severity, text, number: format!("{name}={count};{warn};{crit};0") }
}

/// Of what is read, without those that only wait.
fn count(model: &Model) -> u64 {
    model.live().map_or(0, |generation| generation.dead_letters)
}

fn letters(count: u64) -> String {
    format!("{count} {}", if count == 1 { "dead letter" } else { "dead letters" })
}
