//! Decides a call some of whose appends were recorded before: a pure function of what the store holds.

use chrono::{DateTime, Utc};
use es_core::{
    Append, AppendError, Appended, CommandId, Conflict, EventId, Position, StoreError, StreamId, Version,
};
use std::collections::{HashMap, HashSet};

/// What the store holds of a call: nothing of it ever changes.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The events that have one of the call's ids.
    pub(crate) events: HashMap<EventId, StoredEvent>,
    /// What the commands with one of the call's ids were answered.
    pub(crate) commands: HashMap<CommandId, (StreamId, Appended)>,
}

/// Where an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) stream: StreamId,
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// What the statement saw of one append's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The version of the stream.
    pub(crate) head: Version,
    /// The last position of the log, where the append has no events.
    pub(crate) log_head: Position,
    /// When.
    pub(crate) at: DateTime<Utc>,
}

/// Whether a call brings one id twice: then the store need not be asked to write it.
pub(crate) fn names_one_id_twice(appends: &[Append]) -> bool {
    let (mut ids, mut commands) = (HashSet::new(), HashSet::new());
    let single = appends.len() == 1 && appends[0].events.len() <= 1;
    !single
        && appends.iter().any(|append| {
            append.events.iter().any(|event| !ids.insert(event.event_id))
                || append.command_id.as_ref().is_some_and(|id| !commands.insert(id))
        })
}

impl Known {
    /// The answer of a call of which the store knows something; `Ok(None)` when it knows nothing after all.
    pub(crate) fn answer(
        &self,
        appends: &[Append],
        seen: &[Seen],
    ) -> Result<Option<Vec<Appended>>, AppendError> {
        let decisions = self.recorded_before(appends);
        let repeats = decisions.iter().any(|decision| matches!(decision, Ok(Some(_))));
        let mut answers = Vec::with_capacity(appends.len());
        for ((append, decision), seen) in std::iter::zip(appends, decisions).zip(seen) {
            match decision? {
                Some(answer) => answers.push(answer),
                None if !repeats => check_expected(append, seen.head)?,
                None if append.events.is_empty() && append.command_id.is_none() => answers.push(Appended {
                    version: seen.head,
                    positions: vec![],
                    position: seen.log_head,
                    recorded_at: seen.at,
                    repeated: true,
                }),
                // What was one transaction would become two.
                None => return Err(partly_recorded(append, 0)),
            }
        }
        Ok(repeats.then_some(answers))
    }

    /// For each append the answer of the time when it was recorded, if it was. A call is recorded wholly or not at all.
    fn recorded_before(&self, appends: &[Append]) -> Vec<Result<Option<Appended>, AppendError>> {
        let (mut commands, mut ids) = (HashMap::new(), HashMap::new());
        let recorded = |append| {
            if let Some(answer) = self.answered(append)? {
                return Ok(Some(answer));
            }
            if let Some(id) = &append.command_id
                && let Some(stream) = commands.insert(id, &append.stream)
            {
                return Err(command_id_taken(id, stream));
            }
            for event in &append.events {
                if let Some(stream) = ids.insert(event.event_id, &append.stream) {
                    return Err(event_id_taken(event.event_id, stream));
                }
            }
            self.stored(append)
        };
        appends.iter().map(recorded).collect()
    }

    /// The answer of a command that was carried out.
    fn answered(&self, append: &Append) -> Result<Option<Appended>, AppendError> {
        match append.command_id.as_ref().and_then(|id| Some((id, self.commands.get(id)?))) {
            Some((_, (stream, answer))) if *stream == append.stream => Ok(Some(answer.clone())),
            Some((id, (stream, _))) => Err(command_id_taken(id, stream)),
            None => Ok(None),
        }
    }

    /// The answer of the time when the events of this append were stored.
    fn stored(&self, append: &Append) -> Result<Option<Appended>, AppendError> {
        let with_id = |event: &es_core::NewEvent| Some((event.event_id, self.events.get(&event.event_id)?));
        let known: Vec<_> = append.events.iter().filter_map(with_id).collect();
        if let Some((id, elsewhere)) = known.iter().find(|(_, event)| event.stream != append.stream) {
            return Err(event_id_taken(*id, &elsewhere.stream));
        }
        let stored: Vec<_> = known.into_iter().map(|(_, event)| event).collect();
        let Some(last) = stored.last() else { return Ok(None) };
        let in_order = stored.windows(2).all(|pair| pair[0].version.plus(1) == pair[1].version);
        if stored.len() != append.events.len() || !in_order {
            return Err(partly_recorded(append, stored.len()));
        }
        Ok(Some(Appended {
            version: last.version,
            positions: stored.iter().map(|event| event.position).collect(),
            position: last.position,
            recorded_at: last.recorded_at,
            repeated: true,
        }))
    }
}

/// Whether the stream is as the writer believes it to be.
pub(crate) fn check_expected(append: &Append, found: Version) -> Result<(), Conflict> {
    if append.expected.admits(found) {
        return Ok(());
    }
    Err(Conflict { stream: append.stream.clone(), expected: append.expected, found })
}

fn partly_recorded(append: &Append, recorded: usize) -> AppendError {
    let (stream, sent) = (append.stream.clone(), append.events.len());
    StoreError::PartlyRecorded { stream, recorded, sent }.into()
}

fn event_id_taken(event_id: EventId, stream: &StreamId) -> AppendError {
    StoreError::EventIdTaken { event_id, stream: stream.clone() }.into()
}

fn command_id_taken(command_id: &CommandId, stream: &StreamId) -> AppendError {
    StoreError::CommandIdTaken { command_id: command_id.clone(), stream: stream.clone() }.into()
}
