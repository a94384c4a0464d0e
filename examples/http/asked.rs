//! [`Asked`]: the headers of a request, in the words of the domain.

use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use es_core::{CommandId, Metadata, Position, Version};

/// A write is answered with it, and a read that sends it back sees that write.
pub const READ_AFTER: &str = "read-after";

/// What a request says about itself.
pub struct Asked {
    /// `Idempotency-Key` is the command id, `X-Request-Id` the correlation id, `traceparent` the caller's trace: all are
    /// recorded with the events.
    pub metadata: Metadata,
    /// `If-Match`: the version that the sender has seen.
    pub version: Option<Version>,
    /// `Read-After`: the write that the sender wants to see.
    pub position: Option<Position>,
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let mut metadata = Metadata::new();
        // One key for one request of one client: where clients do not trust each other, put the client's name before it.
        metadata.command_id = read(headers, "idempotency-key", |key| CommandId::new(key).ok())?;
        metadata.correlation_id = read(headers, "x-request-id", |id| id.parse().ok())?;
        // Who cannot be understood is not turned away for it: the trace begins here.
        metadata.traceparent = read(headers, "traceparent", |trace| trace.parse().ok()).unwrap_or(None);
        let version = read(headers, header::IF_MATCH.as_str(), parse_etag)?;
        let position = read(headers, READ_AFTER, parse_token)?;
        Ok(Self { metadata, version, position })
    }
}

/// A header that may be missing, but not be nonsense.
fn read<T>(headers: &HeaderMap, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(parse);
    let nonsense = || Problem::new(StatusCode::BAD_REQUEST, format!("the header {name} cannot be read"));
    parsed.map(Some).ok_or_else(nonsense)
}

/// A version as an entity tag: `"3"`.
pub fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

fn parse_etag(tag: &str) -> Option<Version> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok().map(Version::new)
}

/// A position as a text that clients only carry back. Tokens sort as positions do.
pub fn token(position: Position) -> String {
    format!("{:016x}", position.value())
}

fn parse_token(token: &str) -> Option<Position> {
    u64::from_str_radix(token, 16).ok().map(Position::new)
}
