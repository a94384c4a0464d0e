//! [`NewEvent`] and [`Recorded`]: an event before and after the store stamped it.

use crate::{
    DecodeError, DecodeProblem, EncodeError, EncodeProblem, Event, EventId, Metadata, Payload, Position,
    StreamId, Version,
};
use chrono::{DateTime, Utc};
use std::borrow::Cow;

/// An event that is ready to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its name for ever.
    pub event_id: EventId,
    /// The name it is stored under.
    pub name: Cow<'static, str>,
    /// The version of its payload's shape; the first is 1.
    pub schema_version: u32,
    /// Its fields as JSON.
    pub payload: Payload,
    /// Who, when, and as part of what.
    pub metadata: Metadata,
}

impl NewEvent {
    /// Encodes `event`, and proves that it can be read again as the same bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when a field has no JSON form, or what was written does not read back as it was.
    pub fn encode<E: Event>(event: &E, event_id: EventId, metadata: Metadata) -> Result<Self, EncodeError> {
        Self::encode_and_read(event, event_id, metadata).map(|(new, _)| new)
    }

    /// The same, and the event as every reader of the log will see it: serde may round what it writes.
    pub(crate) fn encode_and_read<E: Event>(
        event: &E,
        event_id: EventId,
        metadata: Metadata,
    ) -> Result<(Self, E), EncodeError> {
        let kind = event.event_type();
        let encoded = encode_faithfully(event).map_err(|problem| EncodeError { name: kind.name, problem });
        let (payload, back) = encoded?;
        let new = Self {
            event_id,
            name: Cow::Borrowed(kind.name),
            schema_version: kind.version,
            payload: Payload::new(payload),
            metadata,
        };
        Ok((new, back))
    }
}

fn encode_faithfully<E: Event>(event: &E) -> Result<(Vec<u8>, E), EncodeProblem> {
    let kind = event.event_type();
    let payload = event.encode()?;
    let back = E::decode(kind.name, kind.version, &payload).map_err(EncodeProblem::NotReadable)?;
    if back.encode()? == payload { Ok((payload, back)) } else { Err(EncodeProblem::NotFaithful) }
}

/// An event as the store keeps it: where it is, when it came, and what it says.
///
/// Stores give out `Recorded<Payload>`; [`decode`](Recorded::decode) makes it a `Recorded<E>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<E> {
    /// Its name for ever.
    pub event_id: EventId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its place in the stream; the first is 1.
    pub version: Version,
    /// Its place in the log of the whole store.
    pub position: Position,
    /// The name it is stored under.
    pub name: Cow<'static, str>,
    /// The version of the shape it is stored in.
    pub schema_version: u32,
    /// When it was recorded, by the store's clock, in microseconds.
    pub recorded_at: DateTime<Utc>,
    /// Who, when, and as part of what.
    pub metadata: Metadata,
    /// What happened.
    pub data: E,
}

impl<E> Recorded<E> {
    /// When it happened in the world, or else when it was recorded.
    pub fn happened_at(&self) -> DateTime<Utc> {
        self.metadata.occurred_at.unwrap_or(self.recorded_at)
    }

    /// The same record with `data` in the place of its own.
    fn with_data<D>(self, data: D) -> Recorded<D> {
        Recorded {
            data,
            event_id: self.event_id,
            stream: self.stream,
            version: self.version,
            position: self.position,
            name: self.name,
            schema_version: self.schema_version,
            recorded_at: self.recorded_at,
            metadata: self.metadata,
        }
    }
}

impl Recorded<Payload> {
    /// Reads the payload as one of `E`'s variants, upcasting an old shape.
    ///
    /// # Errors
    /// [`DecodeError`], which names the event, when `E` does not know its name or version, or its payload does not fit.
    pub fn decode<E: Event>(self) -> Result<Recorded<E>, DecodeError> {
        match E::decode(&self.name, self.schema_version, self.data.as_bytes()) {
            Ok(data) => Ok(self.with_data(data)),
            Err(problem) => Err(self.undecodable(problem)),
        }
    }

    fn undecodable(self, problem: DecodeProblem) -> DecodeError {
        let Self { stream, version, position, name, schema_version, .. } = self;
        DecodeError { stream, version, position, name, schema_version, problem }
    }
}
