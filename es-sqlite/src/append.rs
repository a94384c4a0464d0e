//! Decides appends under the write lock: a pure function of what was looked up.

use chrono::{DateTime, Utc};
use es_core::{
    Append, AppendError, Appended, CommandId, Conflict, EventId, NewEvent, Position, StoreError, StreamId,
    Version,
};
use std::collections::{HashMap, HashSet};

/// What the store held when the lock was taken, and what was decided since.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The last position.
    pub(crate) last: u64,
    /// The versions of the streams concerned; a stream that is missing is empty.
    pub(crate) heads: HashMap<StreamId, Version>,
    /// The events that have one of the ids concerned.
    pub(crate) events: HashMap<EventId, StoredEvent>,
    /// What the commands concerned were answered.
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

/// What must be written.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    pub(crate) recorded_at: DateTime<Utc>,
    pub(crate) events: Vec<EventWrite<'a>>,
    pub(crate) commands: Vec<(&'a CommandId, &'a StreamId, Appended)>,
}

/// An event and its place.
#[derive(Debug)]
pub(crate) struct EventWrite<'a> {
    pub(crate) stream: &'a StreamId,
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) event: &'a NewEvent,
}

impl Facts {
    /// Decides the appends of one call, all or none, and adds what they write to `writes` and to these facts.
    pub(crate) fn decide<'a>(
        &mut self,
        appends: &'a [Append],
        writes: &mut Writes<'a>,
    ) -> Result<Vec<Appended>, AppendError> {
        let decisions = self.recorded_before(appends);
        let repeats = decisions.iter().any(|decision| matches!(decision, Ok(Some(_))));
        let mut answers = Vec::with_capacity(appends.len());
        for (append, decision) in std::iter::zip(appends, decisions) {
            match decision? {
                Some(answer) => answers.push(answer),
                None if !repeats => self.check_expected(append)?,
                None if append.events.is_empty() && append.command_id.is_none() => {
                    let position = Position::new(self.last);
                    let (version, recorded_at) = (self.version(append), writes.recorded_at);
                    answers.push(Appended {
                        version,
                        positions: vec![],
                        position,
                        recorded_at,
                        repeated: true,
                    });
                }
                // What was one transaction would become two.
                None => return Err(partly_recorded(append, 0)),
            }
        }
        if repeats {
            return Ok(answers);
        }
        Ok(appends.iter().map(|append| self.write(append, writes)).collect())
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

    fn version(&self, append: &Append) -> Version {
        self.heads.get(&append.stream).copied().unwrap_or_default()
    }

    fn check_expected(&self, append: &Append) -> Result<(), Conflict> {
        let found = self.version(append);
        if append.expected.admits(found) {
            return Ok(());
        }
        Err(Conflict { stream: append.stream.clone(), expected: append.expected, found })
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
        let known: Vec<_> = append
            .events
            .iter()
            .filter_map(|event| Some((event.event_id, self.events.get(&event.event_id)?)))
            .collect();
        if let Some((id, elsewhere)) = known.iter().find(|(_, event)| event.stream != append.stream) {
            return Err(event_id_taken(*id, &elsewhere.stream));
        }
        let stored: Vec<_> = known.into_iter().map(|(_, event)| event).collect();
        let Some(last) = stored.last() else { return Ok(None) };
        let in_order = stored.windows(2).all(|pair| pair[0].version.plus(1) == pair[1].version);
        if stored.len() == append.events.len() && in_order {
            Ok(Some(repeated(&stored, last)))
        } else {
            Err(partly_recorded(append, stored.len()))
        }
    }

    fn write<'a>(&mut self, append: &'a Append, writes: &mut Writes<'a>) -> Appended {
        let (stream, recorded_at) = (&append.stream, writes.recorded_at);
        let mut version = self.version(append);
        let mut positions = Vec::with_capacity(append.events.len());
        for event in &append.events {
            self.last += 1;
            version = version.plus(1);
            let position = Position::new(self.last);
            positions.push(position);
            let stored = StoredEvent { stream: stream.clone(), version, position, recorded_at };
            self.events.insert(event.event_id, stored);
            writes.events.push(EventWrite { stream, version, position, event });
        }
        if !positions.is_empty() {
            self.heads.insert(stream.clone(), version);
        }
        let position = Position::new(self.last);
        let appended = Appended { version, positions, position, recorded_at, repeated: false };
        if let Some(id) = &append.command_id {
            let answer = Appended { repeated: true, ..appended.clone() };
            self.commands.insert(id.clone(), (stream.clone(), answer));
            writes.commands.push((id, stream, appended.clone()));
        }
        appended
    }
}

fn repeated(stored: &[&StoredEvent], last: &StoredEvent) -> Appended {
    Appended {
        version: last.version,
        positions: stored.iter().map(|event| event.position).collect(),
        position: last.position,
        recorded_at: last.recorded_at,
        repeated: true,
    }
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

/// What must be looked up to decide these appends, each thing once.
#[derive(Debug, Default)]
pub(crate) struct Questions<'a> {
    pub(crate) streams: HashSet<&'a str>,
    pub(crate) event_ids: Vec<EventId>,
    pub(crate) command_ids: HashSet<&'a str>,
}

impl<'a> Questions<'a> {
    pub(crate) fn of(appends: impl Iterator<Item = &'a Append>) -> Self {
        let mut questions = Self::default();
        for append in appends {
            questions.streams.insert(append.stream.as_str());
            questions.event_ids.extend(append.events.iter().map(|event| event.event_id));
            questions.command_ids.extend(append.command_id.as_ref().map(CommandId::as_str));
        }
        questions
    }
}

#[cfg(test)]
mod tests;
