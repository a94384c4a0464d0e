//! [`ShownEvent`]: an event as `--json` prints it.

use crate::streams::time;
use crate::text::json_line;
use chrono::SecondsFormat;
use es_core::{CommandId, EventId, Payload, Recorded, StreamId, TraceParent};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// All that is known of an event; the fields and their order are stable.
#[derive(Serialize)]
pub(crate) struct ShownEvent<'a> {
    /// Nothing where the document around it names the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a StreamId>,
    version: u64,
    position: u64,
    event_id: EventId,
    name: &'a str,
    schema_version: u32,
    recorded_at: String,
    occurred_at: Option<String>,
    correlation_id: Option<String>,
    causation_id: Option<String>,
    command_id: Option<&'a CommandId>,
    traceparent: Option<&'a TraceParent>,
    actor: Option<&'a str>,
    extra: BTreeMap<&'a str, &'a str>,
    /// Nothing where what is stored is no JSON.
    payload: Option<&'a RawValue>,
    /// What is stored where that is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged_payload: Option<String>,
}

impl<'a> ShownEvent<'a> {
    /// An event among others of its stream.
    pub(crate) fn in_stream(event: &'a Recorded<Payload>) -> Self {
        let metadata = &event.metadata;
        let bytes = event.data.as_bytes();
        let payload = serde_json::from_slice::<&RawValue>(bytes).ok();
        let damaged = || String::from_utf8_lossy(bytes).into_owned();
        Self {
            stream: None,
            version: event.version.value(),
            position: event.position.value(),
            event_id: event.event_id,
            name: &event.name,
            schema_version: event.schema_version,
            recorded_at: time(event.recorded_at, SecondsFormat::Micros),
            occurred_at: metadata.occurred_at.map(|at| time(at, SecondsFormat::Micros)),
            correlation_id: metadata.correlation_id.map(|id| id.to_string()),
            causation_id: metadata.causation_id.map(|id| id.to_string()),
            command_id: metadata.command_id.as_ref(),
            traceparent: metadata.traceparent.as_ref(),
            actor: metadata.actor(),
            extra: metadata.extras().collect(),
            payload,
            damaged_payload: payload.is_none().then(damaged),
        }
    }

    /// An event among those of all streams.
    pub(crate) fn in_log(event: &'a Recorded<Payload>) -> Self {
        Self { stream: Some(&event.stream), ..Self::in_stream(event) }
    }

    /// One line of JSON that a terminal does not obey.
    pub(crate) fn line(&self) -> Result<String, serde_json::Error> {
        Ok(json_line(&serde_json::to_string(self)?))
    }
}
