//! [`Problem`]: what went wrong, as RFC 9457 has it. The three kinds of failure stay apart up to the client.

use crate::account::AccountError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use es_core::{ExecuteError, ProjectorError, StoreError, Version};
use serde_json::json;

/// When to send the same again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// A request that was not carried out.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    /// How many positions the read model is behind.
    lag: Option<u64>,
    /// Whether the same request may succeed later.
    transient: bool,
}

impl Problem {
    /// One that stays until the request is another one.
    pub fn new(status: StatusCode, detail: impl ToString) -> Self {
        Self { status, detail: detail.to_string(), lag: None, transient: false }
    }

    /// One that goes away.
    fn transient(status: StatusCode, detail: impl ToString) -> Self {
        Self { transient: true, ..Self::new(status, detail) }
    }

    /// No account has this id.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, AccountError::Unknown)
    }

    /// A command that had no effect, where the client had seen the `asked` version or had not said which.
    pub fn of_command(error: ExecuteError<AccountError>, asked: Option<Version>) -> Self {
        match error {
            ExecuteError::Rejected(AccountError::Unknown) => Self::not_found(),
            ExecuteError::Rejected(rule) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, rule),
            ExecuteError::Conflict(conflict) if asked.is_some() => {
                Self::new(StatusCode::PRECONDITION_FAILED, conflict)
            }
            // The repository has decided again as often as its `Retry` says.
            ExecuteError::Conflict(conflict) => Self::transient(StatusCode::CONFLICT, conflict),
            ExecuteError::Store(error) => error.into(),
        }
    }

    /// What is wrong in here is for the log, not for the client.
    fn internal(error: &dyn std::error::Error) -> Self {
        eprintln!("{error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be carried out")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutcomeUnknown { .. } => Self::transient(
                StatusCode::SERVICE_UNAVAILABLE,
                "it may have been done: send it again with the same Idempotency-Key",
            ),
            error if error.is_transient() => {
                Self::transient(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be reached")
            }
            StoreError::CommandIdTaken { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the Idempotency-Key belongs to a command for another account",
            ),
            StoreError::Limit(limit) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, limit),
            error => Self::internal(&error),
        }
    }
}

impl From<ProjectorError> for Problem {
    fn from(error: ProjectorError) -> Self {
        match error {
            ProjectorError::Behind { found, wanted, why, .. } => Self {
                lag: Some(wanted.value() - found.value()),
                ..Self::transient(StatusCode::SERVICE_UNAVAILABLE, format!("the read model is behind, {why}"))
            },
            ProjectorError::Store { source, .. } => source.into(),
            error => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, detail, lag, transient } = self;
        let title = status.canonical_reason();
        let mut body = json!({ "title": title, "status": status.as_u16(), "detail": detail });
        if let Some(lag) = lag {
            body["lag"] = lag.into();
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (status, kind, body.to_string()).into_response();
        if transient {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
