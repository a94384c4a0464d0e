//! The closed alphabets of names, and the errors of names that leave them.

use std::fmt;

/// The most bytes a stream id, a stored event name, a projection name or a command id may have.
pub const NAME_BYTES_MAX: usize = 512;

/// A name that cannot be stored: which kind of name it is, what it was, and what is wrong with it.
///
/// The name is shown escaped and cut, so that a hostile one cannot fill or garble a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {shown} {problem}")]
pub struct InvalidName {
    kind: NameKind,
    shown: String,
    problem: NameProblem,
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameKind {
    /// The part of a stream id before the first `-`.
    Category,
    /// The part of a stream id after the first `-`.
    StreamKey,
    /// A whole stream id.
    StreamId,
    /// The name an event is stored under.
    EventName,
    /// The name of a projection.
    ProjectionName,
    /// The id of a command.
    CommandId,
    /// The key of a view.
    ViewKey,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It has no characters.
    Empty,
    /// It has more than [`NAME_BYTES_MAX`] bytes.
    TooLong,
    /// It has a character outside of its alphabet.
    Character(char),
    /// It is a stream id without the `-` between category and key.
    NoDash,
}

impl InvalidName {
    fn new(kind: NameKind, name: &str, problem: NameProblem) -> Self {
        let mut shown =
            format!("`{}", name.chars().take(48).flat_map(char::escape_debug).collect::<String>());
        shown.push_str(if name.chars().nth(48).is_some() { "…`" } else { "`" });
        Self { kind, shown, problem }
    }

    /// What kind of name was refused.
    pub fn kind(&self) -> NameKind {
        self.kind
    }

    /// Why it was refused.
    pub fn problem(&self) -> NameProblem {
        self.problem
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Category => "category",
            Self::StreamKey => "stream key",
            Self::StreamId => "stream id",
            Self::EventName => "event name",
            Self::ProjectionName => "projection name",
            Self::CommandId => "command id",
            Self::ViewKey => "view key",
        })
    }
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {NAME_BYTES_MAX} bytes"),
            Self::Character(c) if c.is_control() => {
                write!(f, "has the control character {}", c.escape_default())
            }
            Self::Character(c) => {
                write!(f, "has the character `{}`, allowed are a to z, 0 to 9, `_`", c.escape_debug())
            }
            Self::NoDash => f.write_str("has no `-` between category and key"),
        }
    }
}

/// Checks a category: lower case letters, digits and `_`.
pub(crate) fn check_category(name: &str) -> Result<(), InvalidName> {
    check(NameKind::Category, name, |c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
}

/// Checks the name of an event or a projection: the alphabet of a category and `.`.
pub(crate) fn check_dotted(kind: NameKind, name: &str) -> Result<(), InvalidName> {
    check(kind, name, |c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.'))
}

/// Checks a stream's key or a command id: any character but the control characters.
pub(crate) fn check_text(kind: NameKind, name: &str) -> Result<(), InvalidName> {
    check(kind, name, |c| !c.is_control())
}

/// Refuses a whole that is too long, though its parts may be fine.
pub(crate) fn check_length(kind: NameKind, name: &str) -> Result<(), InvalidName> {
    if name.len() <= NAME_BYTES_MAX {
        Ok(())
    } else {
        Err(InvalidName::new(kind, name, NameProblem::TooLong))
    }
}

pub(crate) fn no_dash(name: &str) -> InvalidName {
    InvalidName::new(NameKind::StreamId, name, NameProblem::NoDash)
}

fn check(kind: NameKind, name: &str, allowed: impl Fn(char) -> bool) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::new(kind, name, NameProblem::Empty));
    }
    check_length(kind, name)?;
    // A byte at a time where they are characters, which is nearly always: names are checked with each event that is read.
    if name.bytes().all(|byte| byte.is_ascii() && allowed(char::from(byte))) {
        return Ok(());
    }
    match name.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(InvalidName::new(kind, name, NameProblem::Character(c))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_is_shown_escaped_and_cut() {
        let error = check_category(&format!("a\u{1b}[31m{}", "x".repeat(100))).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("category `a\\u{1b}[31mxxx"), "{text}");
        assert!(text.contains("…`") && text.len() < 200, "{text}");
    }

    #[test]
    fn every_problem_has_its_sentence() {
        let of = |result: Result<(), InvalidName>| result.unwrap_err().to_string();
        assert_eq!(of(check_category("")), "category `` is empty");
        assert_eq!(
            of(check_category("Loan")),
            "category `Loan` has the character `L`, allowed are a to z, 0 to 9, `_`"
        );
        assert_eq!(
            of(check_text(NameKind::StreamKey, "a\0")),
            "stream key `a\\0` has the control character \\u{0}"
        );
        assert!(
            of(check_dotted(NameKind::EventName, &"x".repeat(513))).ends_with("is longer than 512 bytes")
        );
    }
}
