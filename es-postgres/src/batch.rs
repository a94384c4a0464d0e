//! [`Batch`]: the calls that one statement appends, and what it answered to each.

use crate::known::{Seen, check_expected};
use crate::rows::{unsigned, value};
use crate::session::Query;
use chrono::{DateTime, Utc};
use es_core::{Append, AppendError, Appended, CommandId, Expected, Position, StoreError, Version};
use sqlx::SqlStr;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Calls that are sent together: no stream occurs in two of them.
pub(crate) struct Batch<'c> {
    calls: Vec<&'c [Append]>,
}

/// What became of one call.
#[derive(Debug)]
pub(crate) enum Verdict {
    Written(Vec<Appended>),
    Refused(AppendError),
    /// Something of it was recorded before: what, takes another look. Here is what was seen of its streams, if
    /// anybody has looked.
    Known(Option<Vec<Seen>>),
}

/// The statement's only row.
struct Answer {
    at: DateTime<Utc>,
    refused_calls: Vec<i32>,
    heads: Vec<i64>,
    known: Vec<bool>,
    log_heads: Vec<i64>,
    positions: std::vec::IntoIter<i64>,
}

impl<'c> Batch<'c> {
    pub(crate) fn of(calls: impl IntoIterator<Item = &'c [Append]>) -> Self {
        Self { calls: calls.into_iter().collect() }
    }

    /// How many calls it has.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The statement with its parameters; see the text for what they are.
    pub(crate) fn query(&self, sql: SqlStr) -> Query {
        let numbered = || {
            self.calls
                .iter()
                .zip(0_i32..)
                .flat_map(|(call, number)| call.iter().map(move |append| (append, number)))
        };
        let appends = || numbered().map(|(append, _)| append);
        let query = sqlx::query(sql)
            .bind(appends().map(|append| append.stream.as_str()).collect::<Vec<_>>())
            .bind(appends().map(|append| expected(append.expected)).collect::<Vec<_>>())
            .bind(
                appends().map(|append| append.command_id.as_ref().map(CommandId::as_str)).collect::<Vec<_>>(),
            )
            .bind(numbered().map(|(_, number)| number).collect::<Vec<_>>())
            .bind(appends().map(|append| append.events.len() as i64).collect::<Vec<_>>());
        self.bind_events(query)
    }

    fn bind_events(&self, query: Query) -> Query {
        let appends = || self.calls.iter().copied().flatten();
        let count = appends().map(|append| append.events.len()).sum();
        let mut columns = Columns::with_capacity(count);
        for (append, number) in appends().zip(1_i32..) {
            for (event, nth) in append.events.iter().zip(1_i32..) {
                columns.appends.push(number);
                columns.nths.push(nth);
                columns.ids.push(event.event_id.uuid());
                columns.streams.push(append.stream.as_str());
                columns.names.push(&event.name);
                columns.schema_versions.push(i64::from(event.schema_version));
                columns.correlations.push(event.metadata.correlation_id);
                columns.causations.push(event.metadata.causation_id);
                columns.metadata.push(event.metadata.to_json_without_ids());
                columns.payloads.push(event.payload.as_bytes());
            }
        }
        query
            .bind(columns.ids)
            .bind(columns.appends)
            .bind(columns.nths)
            .bind(columns.streams)
            .bind(columns.names)
            .bind(columns.schema_versions)
            .bind(columns.correlations)
            .bind(columns.causations)
            .bind(columns.metadata)
            .bind(columns.payloads)
    }

    /// What became of each call.
    pub(crate) fn verdicts(&self, row: Option<&PgRow>) -> Result<Vec<Verdict>, StoreError> {
        let row = row.ok_or_else(|| StoreError::Corrupt("an append was answered by no row".into()))?;
        let mut answer = Answer::of(row)?;
        let mut first = 0;
        let mut verdicts = Vec::with_capacity(self.calls.len());
        for (call, number) in self.calls.iter().zip(0_i32..) {
            verdicts.push(answer.verdict(call, number, first)?);
            first += call.len();
        }
        Ok(verdicts)
    }
}

/// The parameters that describe events, one array each.
struct Columns<'c> {
    ids: Vec<Uuid>,
    appends: Vec<i32>,
    nths: Vec<i32>,
    streams: Vec<&'c str>,
    names: Vec<&'c str>,
    schema_versions: Vec<i64>,
    correlations: Vec<Option<Uuid>>,
    causations: Vec<Option<Uuid>>,
    metadata: Vec<Option<Vec<u8>>>,
    payloads: Vec<&'c [u8]>,
}

impl Columns<'_> {
    fn with_capacity(count: usize) -> Self {
        Self {
            ids: Vec::with_capacity(count),
            appends: Vec::with_capacity(count),
            nths: Vec::with_capacity(count),
            streams: Vec::with_capacity(count),
            names: Vec::with_capacity(count),
            schema_versions: Vec::with_capacity(count),
            correlations: Vec::with_capacity(count),
            causations: Vec::with_capacity(count),
            metadata: Vec::with_capacity(count),
            payloads: Vec::with_capacity(count),
        }
    }
}

impl Answer {
    fn of(row: &PgRow) -> Result<Self, StoreError> {
        Ok(Self {
            at: value(row, 0)?,
            refused_calls: value(row, 1)?,
            heads: value(row, 2)?,
            known: value(row, 3)?,
            log_heads: value(row, 4)?,
            positions: value::<Option<Vec<i64>>>(row, 5)?.unwrap_or_default().into_iter(),
        })
    }

    /// What became of the call with this number, whose first append has the number `first`.
    fn verdict(&mut self, call: &[Append], number: i32, first: usize) -> Result<Verdict, StoreError> {
        let appends = first..first + call.len();
        let seen = appends.clone().map(|append| self.seen(append)).collect::<Result<Vec<_>, _>>()?;
        if !self.refused_calls.contains(&number) {
            return std::iter::zip(call, &seen)
                .map(|(append, seen)| self.written(append, seen))
                .collect::<Result<_, _>>()
                .map(Verdict::Written);
        }
        if appends.clone().any(|append| self.known.get(append) == Some(&true)) {
            return Ok(Verdict::Known(Some(seen)));
        }
        let conflict =
            std::iter::zip(call, &seen).find_map(|(append, seen)| check_expected(append, seen.head).err());
        conflict
            .map(|conflict| Verdict::Refused(conflict.into()))
            .ok_or_else(|| StoreError::Corrupt("an append was refused without a reason".into()))
    }

    fn seen(&self, append: usize) -> Result<Seen, StoreError> {
        let number = |numbers: &[i64]| {
            let number = numbers.get(append).copied();
            unsigned(number.ok_or_else(|| StoreError::Corrupt("an append was not answered".into()))?)
        };
        let head = Version::new(number(&self.heads)?);
        Ok(Seen { head, log_head: Position::new(number(&self.log_heads)?), at: self.at })
    }

    /// Positions come in the order of the events that were written.
    fn written(&mut self, append: &Append, seen: &Seen) -> Result<Appended, StoreError> {
        let positions: Result<Vec<_>, StoreError> = (&mut self.positions)
            .take(append.events.len())
            .map(|position| Ok(Position::new(unsigned(position)?)))
            .collect();
        let positions = positions?;
        if positions.len() != append.events.len() {
            return Err(StoreError::Corrupt("an event that was written has no position".into()));
        }
        Ok(Appended {
            version: seen.head.plus(positions.len() as u64),
            position: positions.last().copied().unwrap_or(seen.log_head),
            positions,
            recorded_at: self.at,
            repeated: false,
        })
    }
}

/// The version as the statement takes it. Versions end at 2^63, and so does what can be expected.
fn expected(expected: Expected) -> i64 {
    match expected {
        Expected::Any => -1,
        Expected::Exists => -2,
        Expected::Empty => 0,
        Expected::Exactly(version) => i64::try_from(version.value()).unwrap_or(i64::MAX),
    }
}
