//! What an append comes to: first it is decided, without writing anything; then all of it is written.

use crate::log::{Log, Visible};
use chrono::{DateTime, Utc};
use es_core::{
    Append, AppendError, Appended, CommandId, Conflict, EventId, NewEvent, Payload, Position, Recorded,
    StoreError, StreamId, Version,
};
use std::collections::HashMap;

#[cfg(test)]
mod tests;

/// What one call comes to.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It was recorded before: these are its answers, and nothing is to be written.
    Repeated(Vec<Appended>),
    /// Every append is as it should be.
    Write,
}

/// Everything that one call writes: it has its positions, and is committed all at once or never.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub(crate) rows: Vec<Recorded<Payload>>,
    pub(crate) commands: Vec<(CommandId, StreamId, Appended)>,
    pub(crate) answers: Vec<Appended>,
}

/// The ids that earlier appends of the same call bring.
#[derive(Default)]
struct Brought<'a> {
    event_ids: HashMap<EventId, &'a StreamId>,
    commands: HashMap<&'a CommandId, &'a StreamId>,
}

impl Log {
    /// Whether these appends must wait for an open transaction: it may turn out to have a version, an event id or a
    /// command id that they want.
    pub(crate) fn must_wait(&self, appends: &[Append]) -> bool {
        self.open.values().any(|transaction| appends.iter().any(|append| transaction.touches(append)))
    }

    /// Decides without writing: the first append that is refused refuses all of them.
    ///
    /// A call is recorded wholly or not at all. So if one of its appends was recorded before, then all were, and
    /// what the writer expected of the streams no longer matters.
    pub(crate) fn decide(&self, appends: &[Append], now: DateTime<Utc>) -> Result<Decision, AppendError> {
        let mut brought = Brought::default();
        let recorded: Vec<_> =
            appends.iter().map(|append| self.recorded_before(append, &mut brought)).collect();
        let repeated = recorded.iter().any(|answer| matches!(answer, Ok(Some(_))));
        let mut answers = Vec::new();
        for (append, answer) in appends.iter().zip(recorded) {
            match answer? {
                Some(answer) => answers.push(answer),
                None if !repeated => self.check_expected(append)?,
                None if append.events.is_empty() && append.command_id.is_none() => {
                    answers.push(Appended { repeated, ..self.answer_without_events(append, now) });
                }
                None => return Err(partly_recorded(append, 0).into()),
            }
        }
        Ok(if repeated { Decision::Repeated(answers) } else { Decision::Write })
    }

    fn check_expected(&self, append: &Append) -> Result<(), Conflict> {
        let found = self.version(&append.stream);
        if append.expected.admits(found) {
            return Ok(());
        }
        Err(Conflict { stream: append.stream.clone(), expected: append.expected, found })
    }

    /// The answer of the time when this append was recorded, if it was.
    fn recorded_before<'a>(
        &self,
        append: &'a Append,
        brought: &mut Brought<'a>,
    ) -> Result<Option<Appended>, StoreError> {
        if let Some(command_id) = &append.command_id {
            let known = self.commands.get(command_id);
            let first = brought.commands.insert(command_id, &append.stream);
            let taken_by =
                first.or(known.map(|(stream, _)| stream)).filter(|stream| **stream != append.stream);
            if let Some(stream) = taken_by {
                return Err(StoreError::CommandIdTaken {
                    command_id: command_id.clone(),
                    stream: stream.clone(),
                });
            }
            if let Some((_, answer)) = known {
                return Ok(Some(Appended { repeated: true, ..answer.clone() }));
            }
        }
        for event in &append.events {
            if let Some(stream) = brought.event_ids.insert(event.event_id, &append.stream) {
                return Err(event_id_taken(event, stream));
            }
        }
        self.events_recorded_before(append)
    }

    fn events_recorded_before(&self, append: &Append) -> Result<Option<Appended>, StoreError> {
        let mut recorded = Vec::new();
        for event in &append.events {
            let Some(position) = self.event_ids.get(&event.event_id) else { continue };
            let row = &self.rows[position];
            if row.stream != append.stream {
                return Err(event_id_taken(event, &row.stream));
            }
            recorded.push(row);
        }
        let Some(last) = recorded.last() else { return Ok(None) };
        let in_order = recorded.windows(2).all(|pair| pair[1].version == pair[0].version.plus(1));
        if recorded.len() < append.events.len() || !in_order {
            return Err(partly_recorded(append, recorded.len()));
        }
        Ok(Some(Appended {
            version: last.version,
            positions: recorded.iter().map(|row| row.position).collect(),
            position: last.position,
            recorded_at: last.recorded_at,
            repeated: true,
        }))
    }

    /// Draws positions, in the order of the events; nobody sees anything yet. To be called when the decision was to
    /// write.
    pub(crate) fn begin(&mut self, appends: &[Append], recorded_at: DateTime<Utc>) -> Transaction {
        let mut transaction = Transaction::default();
        for append in appends {
            let mut answer = self.answer_without_events(append, recorded_at);
            for event in &append.events {
                self.skip_positions(1);
                answer.position = self.drawn;
                answer.positions.push(self.drawn);
                answer.version = answer.version.plus(1);
                transaction.rows.push(row(append, event, &answer));
            }
            if let Some(command_id) = &append.command_id {
                transaction.commands.push((command_id.clone(), append.stream.clone(), answer.clone()));
            }
            transaction.answers.push(answer);
        }
        transaction
    }

    fn answer_without_events(&self, append: &Append, recorded_at: DateTime<Utc>) -> Appended {
        let head = self.head(Visible::SettledPrefix).map_or(Position::START, |head| head.position);
        let last = self.streams.get(&append.stream).and_then(|positions| positions.last()).copied();
        Appended {
            version: self.version(&append.stream),
            positions: Vec::new(),
            position: last.unwrap_or_default().max(head),
            recorded_at,
            repeated: false,
        }
    }

    /// Uses up positions for ever.
    pub(crate) fn skip_positions(&mut self, positions: u64) {
        self.drawn = Position::new(self.drawn.value() + positions);
    }

    /// Shows a transaction to everybody, all at once.
    pub(crate) fn commit(&mut self, transaction: Transaction) -> Vec<Appended> {
        for row in transaction.rows {
            let positions = self.streams.entry(row.stream.clone()).or_default();
            positions.push(row.position);
            assert_eq!(row.version, Version::new(positions.len() as u64), "one writer at a time in a stream");
            self.event_ids.insert(row.event_id, row.position);
            self.rows.insert(row.position, row);
        }
        for (command_id, stream, answer) in transaction.commands {
            self.commands.insert(command_id, (stream, answer));
        }
        transaction.answers
    }
}

impl Transaction {
    fn touches(&self, append: &Append) -> bool {
        self.rows.iter().any(|row| {
            row.stream == append.stream || append.events.iter().any(|event| event.event_id == row.event_id)
        }) || self.commands.iter().any(|(command_id, stream, _)| {
            *stream == append.stream || append.command_id.as_ref() == Some(command_id)
        })
    }
}

/// The row of the event that `so_far` ends with.
fn row(append: &Append, event: &NewEvent, so_far: &Appended) -> Recorded<Payload> {
    Recorded {
        event_id: event.event_id,
        stream: append.stream.clone(),
        version: so_far.version,
        position: so_far.position,
        name: event.name.clone(),
        schema_version: event.schema_version,
        recorded_at: so_far.recorded_at,
        metadata: event.metadata.clone(),
        data: event.payload.clone(),
    }
}

fn event_id_taken(event: &NewEvent, stream: &StreamId) -> StoreError {
    StoreError::EventIdTaken { event_id: event.event_id, stream: stream.clone() }
}

fn partly_recorded(append: &Append, recorded: usize) -> StoreError {
    StoreError::PartlyRecorded { stream: append.stream.clone(), recorded, sent: append.events.len() }
}
