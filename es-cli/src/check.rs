//! `check`: answers for monitoring, as Nagios plugins give them.

mod dead_letters;
mod lag;
mod models;

use crate::output::Console;
use crate::text::escaped;
use crate::{CheckCommand, Failure, FailureKind};
use es_core::App;
use std::io::Write;

/// Carries out a check, which always writes one line.
pub(crate) async fn run(app: &App, command: &CheckCommand, console: &mut Console<'_>) -> Result<(), Failure> {
    let answer = match command {
        CheckCommand::Lag(args) => lag::check(app, args).await,
        CheckCommand::DeadLetters(args) => dead_letters::check(app, args).await,
    };
    let answer = answer.unwrap_or_else(|failure| Answer::unknown(command.label(), &failure));
    console.line(&answer.line)?;
    answer.outcome()
}

/// What a check ends with that could not even begin, as where the store cannot be opened: writes the line with UNKNOWN to
/// stdout. A failure that a check has ended with stays as it is.
pub fn unknown(command: &CheckCommand, failure: Failure) -> Failure {
    if failure.kind().is_told() {
        return failure;
    }
    let answer = Answer::unknown(command.label(), &failure);
    tell_unknown(&answer.line);
    Failure::new(FailureKind::Unknown, answer.line)
}

/// Writes the one line of a check that cannot be made.
fn tell_unknown(line: &str) {
    // Where even stdout is closed, the exit code is all that is left to say.
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes the line of a check whose arguments make no sense.
pub(crate) fn tell_refusal(refusal: &str) {
    tell_unknown(&format!("CHECK UNKNOWN - {}", plain(&escaped(refusal))));
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

/// What is said of one read model.
struct Judged {
    severity: Severity,
    text: String,
    /// `name=5;10;20;0`, as Nagios has numbers.
    number: String,
}

struct Answer {
    severity: Severity,
    line: String,
}

impl Answer {
    /// The worst of all; `well` is said where nothing is wrong.
    fn of(label: &str, mut judged: Vec<Judged>, well: &str) -> Self {
        let severity = judged.iter().map(|judged| judged.severity).max().unwrap_or(Severity::Unknown);
        let numbers: Vec<_> = judged.iter().map(|judged| judged.number.clone()).collect();
        judged.retain(|judged| judged.severity > Severity::Ok);
        judged.sort_by_key(|judged| std::cmp::Reverse(judged.severity));
        let texts: Vec<_> = judged.iter().map(|judged| judged.text.as_str()).collect();
        let text = if texts.is_empty() { well.to_owned() } else { texts.join("; ") };
        Self { severity, line: format!("{label} {} - {text} | {}", severity.word(), numbers.join(" ")) }
    }

    fn unknown(label: &str, failure: &Failure) -> Self {
        let hint = failure.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        let text = plain(&format!("{}{}", failure.sentence(), escaped(&hint)));
        Self { severity: Severity::Unknown, line: format!("{label} UNKNOWN - {text}") }
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

/// Limits that make no sense.
fn limits(warn: &impl std::fmt::Display, crit: &impl std::fmt::Display) -> Failure {
    let message = format!("--warn {warn} is above --crit {crit}, expected it not to be");
    Failure::new(FailureKind::Usage, message)
}

fn projections(count: usize) -> String {
    format!("{count} {}", if count == 1 { "projection" } else { "projections" })
}

/// Without what begins the numbers in the line.
fn plain(text: &str) -> String {
    text.replace('|', "/")
}
