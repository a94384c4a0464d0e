//! Twins that take what a store refuses.

use super::log::appends_as;
use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Append, AppendError, Appended, EventId, EventStore, Expected, NewEvent, Payload, Store, StoreError,
    StreamRange,
};
use std::sync::Arc;
use uuid::Uuid;

/// What of a retry is missing is appended.
struct MissingAppended(Arc<dyn Store>);

#[async_trait]
impl Layer for MissingAppended {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        match self.0.append_all(appends.clone()).await {
            Err(AppendError::Store(StoreError::PartlyRecorded { .. })) => {
                for append in &mut appends {
                    let recorded = self.0.read(&append.stream, StreamRange::default()).await?.events;
                    append.events.retain(|event| recorded.iter().all(|row| row.event_id != event.event_id));
                    append.expected = Expected::Any;
                }
                self.0.append_all(appends).await
            }
            outcome => outcome,
        }
    }
}

pub(super) fn missing_appended(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(MissingAppended(below)))
}

/// An event whose id is taken is given another one.
struct OtherIds(Arc<dyn Store>);

#[async_trait]
impl Layer for OtherIds {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        match self.0.append_all(appends.clone()).await {
            Err(AppendError::Store(StoreError::EventIdTaken { .. })) => {
                let events = appends.iter_mut().flat_map(|append| &mut append.events);
                events.for_each(|event| event.event_id = EventId::new(Uuid::now_v7()));
                self.0.append_all(appends).await
            }
            outcome => outcome,
        }
    }
}

pub(super) fn other_ids(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(OtherIds(below)))
}

/// A command is known by its id alone.
struct CommandsOfAll(Arc<dyn Store>);

#[async_trait]
impl Layer for CommandsOfAll {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        match self.0.append_all(appends).await {
            Err(AppendError::Store(StoreError::CommandIdTaken { command_id, stream })) => {
                let answered = self.0.answered(&command_id).await?;
                let Some((_, answer)) = answered else {
                    return Err(StoreError::CommandIdTaken { command_id, stream }.into());
                };
                Ok(vec![Appended { repeated: true, ..answer }])
            }
            outcome => outcome,
        }
    }
}

pub(super) fn commands_of_all(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(CommandsOfAll(below)))
}

/// How many events the store below takes at once.
const EVENTS_MAX: usize = 10_000;

/// A call with too many events becomes several.
struct InPieces(Arc<dyn Store>);

#[async_trait]
impl Layer for InPieces {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        if appends.iter().map(|append| append.events.len()).sum::<usize>() <= EVENTS_MAX {
            return self.0.append_all(appends).await;
        }
        let mut answers = Vec::new();
        for append in appends {
            let mut last = None;
            for piece in append.events.chunks(EVENTS_MAX) {
                last = Some(self.0.append(Append { events: piece.to_vec(), ..append.clone() }).await?);
            }
            answers.extend(last);
        }
        Ok(answers)
    }
}

pub(super) fn in_pieces(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(InPieces(below)))
}

/// How deep the brackets of a payload are; in the cases no string holds one.
fn depth(event: &NewEvent) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in event.payload.as_bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => (),
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// What the store below refuses in a payload goes by it, as if it had not looked.
fn unlooked_at(below: Arc<dyn Store>, change: fn(&mut NewEvent)) -> Arc<dyn Store> {
    appends_as(below, move |append| append.events.iter_mut().for_each(change))
}

pub(super) fn any_depth(below: Arc<dyn Store>) -> Arc<dyn Store> {
    unlooked_at(below, |event| {
        if depth(event) > 127 {
            event.payload = Payload::new(b"[]".as_slice());
        }
    })
}

pub(super) fn any_bytes(below: Arc<dyn Store>) -> Arc<dyn Store> {
    unlooked_at(below, |event| {
        if serde_json::from_slice::<serde_json::Value>(event.payload.as_bytes()).is_err() {
            let text = String::from_utf8_lossy(event.payload.as_bytes()).into_owned();
            event.payload = Payload::new(serde_json::Value::from(text).to_string().into_bytes());
        }
    })
}

pub(super) fn any_name(below: Arc<dyn Store>) -> Arc<dyn Store> {
    unlooked_at(below, |event| {
        let escape = |letter: char| match letter {
            'a'..='z' | '0'..='9' | '_' | '.' => letter,
            _ => '_',
        };
        event.name = event.name.chars().map(escape).collect::<String>().into();
    })
}
