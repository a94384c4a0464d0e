//! [`Failure`], [`FailureKind`] and [`exit`]: what went wrong, as a person reads it and as a program sees it.

use crate::text::escaped;
use clap::builder::styling::{AnsiColor, Style};
use es_core::{Conflict, InvalidName, ProjectorError, StoreError};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

/// What went wrong: a sentence, its causes, and what to do next.
///
/// Every error becomes one with `?`, also an application's own; those of es-core get their exit code and their hint.
/// It is therefore no [`Error`] itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    kind: FailureKind,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    closed_pipe: bool,
}

/// What kind of failure a program is told about, by the exit code of the process.
///
/// | code | kind |
/// |---|---|
/// | 0 | none: it worked |
/// | 1 | [`Failed`](Self::Failed) |
/// | 2 | [`Usage`](Self::Usage) |
/// | 3 | [`NotFound`](Self::NotFound) |
/// | 4 | [`Conflict`](Self::Conflict) |
/// | 5 | [`Unreachable`](Self::Unreachable) |
/// | 6 | [`CheckFailed`](Self::CheckFailed) |
/// | 130 | [`Interrupted`](Self::Interrupted) |
///
/// `check` is for monitoring and answers as Nagios plugins do: 0, [`Warning`](Self::Warning) 1,
/// [`Critical`](Self::Critical) 2, [`Unknown`](Self::Unknown) 3. Its line on stdout is all that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// It did not work.
    Failed,
    /// What was asked for makes no sense.
    Usage,
    /// What was asked for is not there.
    NotFound,
    /// Somebody else is at it.
    Conflict,
    /// The store cannot be reached, or is too busy to answer in time.
    Unreachable,
    /// A check found a difference.
    CheckFailed,
    /// A person pressed Ctrl-C.
    Interrupted,
    /// A check for monitoring was answered with a warning.
    Warning,
    /// A check for monitoring was answered with an alarm.
    Critical,
    /// A check for monitoring could not be made.
    Unknown,
}

impl FailureKind {
    /// The exit code of a process that ends with it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Failed | Self::Warning => 1,
            Self::Usage | Self::Critical => 2,
            Self::NotFound | Self::Unknown => 3,
            Self::Conflict => 4,
            Self::Unreachable => 5,
            Self::CheckFailed => 6,
            Self::Interrupted => 130,
        }
    }

    /// Whether stdout has it already.
    pub(crate) const fn is_told(self) -> bool {
        matches!(self, Self::Warning | Self::Critical | Self::Unknown)
    }
}

impl Failure {
    /// A failure without causes: lower case, no full stop.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hint: None, closed_pipe: false }
    }

    /// The failure that `error` is, with all its causes; the way for errors that hide behind a box.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let chain: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).collect();
        let (kind, hint) =
            chain.iter().find_map(|error| known(*error)).unwrap_or((FailureKind::Failed, None));
        let closed_pipe = error.downcast_ref().is_some_and(is_closed_pipe);
        let causes = chain[1..].iter().map(ToString::to_string).collect();
        let hint = hint.map(str::to_owned);
        Self { kind, message: error.to_string(), causes, hint, closed_pipe }
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Says what could not be done for it: `message` comes first, and what came first is its cause.
    #[must_use]
    pub fn within(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, cause);
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What to do next.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether nothing is wrong but that nobody reads the output any more.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }

    /// It with its causes in one line, escaped.
    pub(crate) fn sentence(&self) -> String {
        let parts: Vec<_> =
            std::iter::once(&self.message).chain(&self.causes).map(|part| escaped(part)).collect();
        parts.join(": ")
    }

    /// It as people read it, a line each: `error: …`, `caused by: …`, `hint: …`.
    pub fn report(&self) -> String {
        self.paint([Style::new(); 2])
    }

    /// The same in colors, for a stream that takes them out where they are not wanted.
    pub(crate) fn colored_report(&self) -> String {
        let bold = |color: AnsiColor| Style::new().bold().fg_color(Some(color.into()));
        self.paint([AnsiColor::Red, AnsiColor::Green].map(bold))
    }

    fn paint(&self, [bad, good]: [Style; 2]) -> String {
        let line =
            |style: Style, label: &str, text: &str| format!("{style}{label}:{style:#} {}\n", escaped(text));
        let mut report = line(bad, "error", &self.message);
        report.extend(self.causes.iter().map(|cause| line(bad, "caused by", cause)));
        report.extend(self.hint.iter().map(|hint| line(good, "hint", hint)));
        report
    }
}

/// Ends the process: says on stderr what went wrong, and gives the exit code.
///
/// A closed pipe ends quietly and well, as behind `| head`.
///
/// ```
/// # use es_cli::{Failure, FailureKind};
/// let refused = Failure::new(FailureKind::NotFound, "there is no such loan").with_hint("ask the bank");
/// let code = es_cli::exit(Err(refused));
/// assert_eq!(code, std::process::ExitCode::from(3));
/// ```
pub fn exit(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Err(failure) if failure.kind.is_told() => ExitCode::from(failure.kind.code()),
        Err(failure) if !failure.is_closed_pipe() => {
            // Where even stderr is closed, the exit code is all that is left to say.
            let _ = write!(anstream::stderr(), "{}", failure.colored_report());
            ExitCode::from(failure.kind.code())
        }
        _ => ExitCode::SUCCESS,
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escaped(&self.message))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("causes", &self.causes)
            .field("hint", &self.hint)
            .finish()
    }
}

fn is_closed_pipe(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

type Known = (FailureKind, Option<&'static str>);

/// The kind of an error of es-core, and what to do about it.
fn known(error: &(dyn Error + 'static)) -> Option<Known> {
    if let Some(error) = error.downcast_ref::<StoreError>() {
        return known_of_store(error);
    }
    if error.is::<InvalidName>() {
        return Some((FailureKind::Usage, None));
    }
    if error.is::<Conflict>() {
        return Some((FailureKind::Conflict, None));
    }
    match error.downcast_ref::<ProjectorError>()? {
        ProjectorError::Held(_) => Some((FailureKind::Conflict, None)),
        ProjectorError::Fenced(_) => {
            Some((FailureKind::Conflict, Some("see with `projections` who is at it, and try again")))
        }
        ProjectorError::Behind { .. } => {
            Some((FailureKind::Conflict, Some("see with `projections` what holds it back, and try again")))
        }
        ProjectorError::NoLetter { .. } => {
            Some((FailureKind::NotFound, Some("see with `dead-letters list`")))
        }
        ProjectorError::Undecodable { .. } => Some((
            FailureKind::Failed,
            Some("teach the event type this name or shape (`alias`, `upcast`), then start again"),
        )),
        _ => None,
    }
}

fn known_of_store(error: &StoreError) -> Option<Known> {
    match error {
        StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. } => Some((
            FailureKind::Unreachable,
            Some("check that the store runs and is not busy, then try again"),
        )),
        StoreError::InvalidName(_) => Some((FailureKind::Usage, None)),
        StoreError::Corrupt(_) => {
            Some((FailureKind::Failed, Some("keep a copy of the store as it is, and restore a backup")))
        }
        _ => None,
    }
}
