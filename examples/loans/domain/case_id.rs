//! [`CaseId`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The number an application goes by in the log, such as `173688`: a natural key.
///
/// Anything that prints and parses can name an aggregate. The one of `173688` has the stream `application-173688`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaseId(String);

/// The most bytes a case id may have.
const CASE_ID_BYTES_MAX: usize = 64;

/// A text that names no application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCaseId {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {CASE_ID_BYTES_MAX} bytes")]
    TooLong,
    #[error("it has a character other than letters and digits")]
    Character,
}

impl FromStr for CaseId {
    type Err = InvalidCaseId;

    fn from_str(text: &str) -> Result<Self, InvalidCaseId> {
        match text {
            "" => Err(InvalidCaseId::Empty),
            _ if text.len() > CASE_ID_BYTES_MAX => Err(InvalidCaseId::TooLong),
            _ if !text.chars().all(|c| c.is_ascii_alphanumeric()) => Err(InvalidCaseId::Character),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
