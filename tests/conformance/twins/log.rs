//! Twins of the log.

use super::as_it_is;
use async_trait::async_trait;
use es_conformance::{Layer, Layered};
use es_core::{
    Append, AppendError, Appended, CommandId, Cursor, EventId, EventStore, Expected, Filter, LogPage,
    Payload, Position, Recorded, Store, StoreError, StreamId, StreamPage, StreamRange, WakeUpSender, WakeUps,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A layer that changes nothing, so that a failure is the twin's and not the layer's.
struct Intact(Arc<dyn Store>);

impl Layer for Intact {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }
}

pub(super) fn intact(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Intact(as_it_is(store))))
}

/// Changes what is appended.
struct AppendsAs<F> {
    below: Arc<dyn Store>,
    change: F,
}

#[async_trait]
impl<F: Fn(&mut Append) + Send + Sync + 'static> Layer for AppendsAs<F> {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        appends.iter_mut().for_each(&self.change);
        self.below.append_all(appends).await
    }
}

pub(super) fn appends_as<F>(below: Arc<dyn Store>, change: F) -> Arc<dyn Store>
where
    F: Fn(&mut Append) + Send + Sync + 'static,
{
    Arc::new(Layered(AppendsAs { below, change }))
}

pub(super) fn any_version(below: Arc<dyn Store>) -> Arc<dyn Store> {
    appends_as(below, |append| append.expected = Expected::Any)
}

pub(super) fn fresh_event_ids(below: Arc<dyn Store>) -> Arc<dyn Store> {
    appends_as(below, |append| {
        append.expected = Expected::Any;
        append.events.iter_mut().for_each(|event| event.event_id = EventId::new(Uuid::now_v7()));
    })
}

pub(super) fn no_command_ids(below: Arc<dyn Store>) -> Arc<dyn Store> {
    appends_as(below, |append| append.command_id = None)
}

/// Stores each append for itself.
struct OneByOne(Arc<dyn Store>);

#[async_trait]
impl Layer for OneByOne {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let mut answers = Vec::new();
        for append in appends {
            answers.push(self.0.append(append).await?);
        }
        Ok(answers)
    }
}

pub(super) fn one_by_one(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(OneByOne(below)))
}

/// Stores each event for itself.
struct EventByEvent(Arc<dyn Store>);

#[async_trait]
impl Layer for EventByEvent {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let mut answers = Vec::new();
        for append in appends {
            let mut positions = Vec::new();
            let mut last = None;
            for event in &append.events {
                let one = Append::new(append.stream.clone(), Expected::Any, vec![event.clone()]);
                let answer = self.0.append(one).await?;
                tokio::task::yield_now().await;
                positions.push(answer.position);
                last = Some(answer);
            }
            answers.extend(last.map(|last| Appended { positions, ..last }));
        }
        Ok(answers)
    }
}

pub(super) fn event_by_event(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(EventByEvent(below)))
}

const LOOKING: std::time::Duration = std::time::Duration::from_millis(2);

/// Knows the commands that were answered, but looks and remembers apart from the append.
struct CommandsBeside {
    below: Arc<dyn Store>,
    answered: Mutex<HashMap<CommandId, Appended>>,
}

#[async_trait]
impl Layer for CommandsBeside {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        let command_id = appends.first_mut().and_then(|append| append.command_id.take());
        let known = command_id.as_ref().and_then(|id| self.answered.lock().unwrap().get(id).cloned());
        if let Some(known) = known {
            return Ok(vec![Appended { repeated: true, ..known }]);
        }
        // Long enough for somebody else to look too.
        let _ = tokio::time::timeout(LOOKING, std::future::pending::<()>()).await;
        let answers = self.below.append_all(appends).await?;
        if let Some(command_id) = command_id {
            self.answered.lock().unwrap().insert(command_id, answers[0].clone());
        }
        Ok(answers)
    }
}

pub(super) fn command_ids_checked_before(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(CommandsBeside { below, answered: Mutex::default() }))
}

/// Changes the keys of streams on their way in.
struct Renames {
    below: Arc<dyn Store>,
    rename: fn(&str) -> String,
}

impl Renames {
    fn renamed(&self, stream: &StreamId) -> StreamId {
        StreamId::new(stream.category(), (self.rename)(stream.key())).unwrap_or_else(|_| stream.clone())
    }
}

#[async_trait]
impl Layer for Renames {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn append_all(&self, mut appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        appends.iter_mut().for_each(|append| append.stream = self.renamed(&append.stream));
        self.below.append_all(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        self.below.read(&self.renamed(stream), range).await
    }
}

pub(super) fn folded_names(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Renames { below, rename: str::to_lowercase }))
}

pub(super) fn trimmed_names(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(Renames { below, rename: |key| key.trim().to_owned() }))
}

/// Keeps payloads as values, as a column of JSON does.
struct ParsedPayloads(Arc<dyn Store>);

fn parsed(mut event: Recorded<Payload>) -> Recorded<Payload> {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(event.data.as_bytes()) {
        event.data = Payload::new(value.to_string().into_bytes());
    }
    event
}

#[async_trait]
impl Layer for ParsedPayloads {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        let page = self.0.read(stream, range).await?;
        Ok(StreamPage { events: page.events.into_iter().map(parsed).collect(), ..page })
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let page = self.0.read_all(after, filter, limit).await?;
        Ok(LogPage { events: page.events.into_iter().map(parsed).collect(), ..page })
    }
}

pub(super) fn parsed_payloads(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(ParsedPayloads(below)))
}

/// Changes the pages of the log.
struct PagesAs {
    below: Arc<dyn Store>,
    change: fn(&mut LogPage, Position, usize),
}

#[async_trait]
impl Layer for PagesAs {
    fn below(&self) -> &Arc<dyn Store> {
        &self.below
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let mut page = self.below.read_all(after, filter, limit).await?;
        (self.change)(&mut page, after, limit);
        Ok(page)
    }
}

pub(super) fn pages_as(below: Arc<dyn Store>, change: fn(&mut LogPage, Position, usize)) -> Arc<dyn Store> {
    Arc::new(Layered(PagesAs { below, change }))
}

pub(super) fn page_border(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, _, limit| {
        if page.events.len() == limit && page.more {
            page.events.pop();
        }
    })
}

/// Where the numbers end that were drawn, whoever has used them.
pub(super) fn hole_as_cursor(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, after, _| {
        if !page.more {
            let position = page.cursor.map_or(after, |cursor| cursor.position);
            let drawn = Position::new(position.value() + 3);
            page.cursor = page.cursor.map(|cursor| Cursor { position: drawn, ..cursor });
        }
    })
}

pub(super) fn match_as_cursor(below: Arc<dyn Store>) -> Arc<dyn Store> {
    pages_as(below, |page, _, _| {
        let last = page.events.last();
        page.cursor = last.map(|event| Cursor { position: event.position, event_id: event.event_id });
    })
}

/// Matches names by a pattern in which `_` stands for any character.
struct LikeFilter(Arc<dyn Store>);

fn like(pattern: &str, text: &str) -> bool {
    pattern.len() <= text.len() && pattern.bytes().zip(text.bytes()).all(|(p, t)| p == b'_' || p == t)
}

#[async_trait]
impl Layer for LikeFilter {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        let mut page = self.0.read_all(after, &Filter::default(), limit).await?;
        let (names, prefixes): (Vec<_>, Vec<_>) = (filter.names().collect(), filter.prefixes().collect());
        let categories: Vec<_> = filter.categories().collect();
        page.events.retain(|event| {
            let named =
                names.contains(&&*event.name) || prefixes.iter().any(|prefix| like(prefix, &event.name));
            (categories.is_empty() || categories.contains(&event.stream.category()))
                && (named || names.is_empty() && prefixes.is_empty())
        });
        Ok(page)
    }
}

pub(super) fn like_filter(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(LikeFilter(below)))
}

/// Never says that the log has grown.
struct NeverWoken(Arc<dyn Store>, WakeUpSender);

impl Layer for NeverWoken {
    fn below(&self) -> &Arc<dyn Store> {
        &self.0
    }

    fn wake_ups(&self) -> WakeUps {
        self.1.subscribe()
    }
}

pub(super) fn never_woken(below: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(Layered(NeverWoken(below, WakeUpSender::default())))
}
