//! [`Metadata`].

use crate::{CommandId, TraceParent};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// Who did something, on whose behalf, and as part of what. A command passes it on to its events.
///
/// A clone copies a few words and shares the rest. `Debug` shows ids, but neither the actor nor the extra values:
/// those may be personal.
///
/// ```
/// # use es_core::{CommandId, Metadata};
/// let metadata = Metadata::new().by("alice").command(CommandId::new("request-17")?).with("tenant", "blue");
/// assert_eq!(metadata.extra("tenant"), Some("blue"));
/// # Ok::<(), es_core::InvalidName>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// What everything that belongs together shares; a command without one starts one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The event or message that led to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The command, where it must have one effect however often it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<CommandId>,
    /// The caller's W3C trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// When it happened in the world, where that is not when it was recorded: an import sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rest: Option<Arc<Rest>>,
}

#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<Box<str>, Box<str>>,
}

impl Metadata {
    /// Metadata that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names who acts.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.rest_mut().actor = Some(actor.into());
        self
    }

    /// Names the command, so that it has one effect however often it is sent.
    #[must_use]
    pub fn command(mut self, command_id: CommandId) -> Self {
        self.command_id = Some(command_id);
        self
    }

    /// Joins what shares this id.
    #[must_use]
    pub fn correlated(mut self, correlation_id: Uuid) -> Self {
        self.correlation_id = Some(correlation_id);
        self
    }

    /// Names the event or message that led here.
    #[must_use]
    pub fn caused_by(mut self, causation_id: Uuid) -> Self {
        self.causation_id = Some(causation_id);
        self
    }

    /// Joins the caller's trace.
    #[must_use]
    pub fn traced(mut self, traceparent: TraceParent) -> Self {
        self.traceparent = Some(traceparent);
        self
    }

    /// Says when it happened in the world.
    #[must_use]
    pub fn occurred(mut self, at: DateTime<Utc>) -> Self {
        self.occurred_at = Some(at);
        self
    }

    /// Adds anything else.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.rest_mut().extra.insert(name.into(), value.into());
        self
    }

    /// Who acted.
    pub fn actor(&self) -> Option<&str> {
        self.rest.as_ref()?.actor.as_deref()
    }

    /// What was added under `name`.
    pub fn extra(&self, name: &str) -> Option<&str> {
        self.rest.as_ref()?.extra.get(name).map(|value| &**value)
    }

    /// Everything that was added, by name.
    pub fn extras(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rest.iter().flat_map(|rest| &rest.extra).map(|(name, value)| (&**name, &**value))
    }

    /// The JSON of all but the correlation and causation ids, which stores keep in columns; nothing if that is all.
    pub fn to_json_without_ids(&self) -> Option<Vec<u8>> {
        let rest = Self { correlation_id: None, causation_id: None, ..self.clone() };
        (rest != Self::default()).then(|| {
            serde_json::to_vec(&rest).expect("metadata is made of strings, which always have a JSON form")
        })
    }

    /// The metadata that was stored as these two ids and this JSON.
    ///
    /// # Errors
    /// The JSON error, when the bytes are not what [`to_json_without_ids`](Self::to_json_without_ids) wrote.
    pub fn from_json_and_ids(
        json: Option<&[u8]>,
        correlation_id: Option<Uuid>,
        causation_id: Option<Uuid>,
    ) -> Result<Self, serde_json::Error> {
        let rest = json.map_or_else(|| Ok(Self::default()), serde_json::from_slice)?;
        Ok(Self { correlation_id, causation_id, ..rest })
    }

    fn rest_mut(&mut self) -> &mut Rest {
        Arc::make_mut(self.rest.get_or_insert_default())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("correlation_id", &self.correlation_id)
            .field("causation_id", &self.causation_id)
            .field("command_id", &self.command_id)
            .field("traceparent", &self.traceparent)
            .field("occurred_at", &self.occurred_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back_from_its_columns_as_it_was() {
        let metadata = Metadata::new()
            .by("alice")
            .command(CommandId::new("c").unwrap())
            .correlated(Uuid::from_u128(1))
            .caused_by(Uuid::from_u128(2))
            .traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap())
            .occurred(DateTime::UNIX_EPOCH)
            .with("tenant", "blue");
        let json = metadata.to_json_without_ids();
        let back =
            Metadata::from_json_and_ids(json.as_deref(), metadata.correlation_id, metadata.causation_id);
        assert_eq!(back.unwrap(), metadata);
        assert_eq!(Metadata::new().correlated(Uuid::nil()).to_json_without_ids(), None);
    }

    #[test]
    fn debug_shows_neither_the_actor_nor_the_extra_values() {
        let shown = format!("{:?}", Metadata::new().by("alice@example.org").with("card", "4111"));
        assert!(!shown.contains("alice") && !shown.contains("4111"), "{shown}");
    }
}
