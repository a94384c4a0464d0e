//! [`Batch`]: the calls that one statement appends, and what it answered to each.

use crate::known::{Seen, check_expected};
use crate::rows::{unsigned, value};
use crate::session::Query;
use crate::sql::Sql;
use chrono::{DateTime, Utc};
use es_core::{Append, AppendError, Appended, CommandId, Expected, Position, StoreError, Version};
use sqlx::SqlStr;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Calls that are sent together: no stream occurs in two of them.
pub(crate) struct Batch<'c> {
    calls: Vec<&'c [Append]>,
    kind: Kind,
}

/// Which statement appends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The one for a call that is as common as can be, and alone.
    Lone,
    /// The one for the commonest calls, in the order of their streams.
    Plain,
    /// The one for all.
    Any,
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

impl Verdict {
    /// Whether the log has grown by it.
    pub(crate) fn has_events(&self) -> bool {
        matches!(self, Self::Written(answers) if answers.iter().any(|answer| !answer.positions.is_empty()))
    }
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
    /// Calls in the order of their streams, if the rarer kind of statement is to be spared.
    pub(crate) fn of(calls: impl IntoIterator<Item = &'c [Append]>) -> Self {
        let calls: Vec<_> = calls.into_iter().collect();
        let plain = calls.iter().all(|call| is_plain(call)) && calls.is_sorted_by_key(|call| &call[0].stream);
        let kind = match &calls[..] {
            [[append]] if plain && is_lone(append) => Kind::Lone,
            _ if plain => Kind::Plain,
            _ => Kind::Any,
        };
        Self { calls, kind }
    }

    /// One call, to be judged by the statement that knows all there is to know of it.
    pub(crate) fn alone(call: &'c [Append]) -> Self {
        Self { calls: vec![call], kind: Kind::Any }
    }

    /// The same calls for another statement, where this one has written nothing and does not tell why.
    pub(crate) fn to_be_judged(&self, rows: &[PgRow]) -> Option<Self> {
        let is_silent = self.kind == Kind::Lone && rows.is_empty();
        is_silent.then(|| Self { calls: self.calls.clone(), kind: Kind::Plain })
    }

    /// How many calls it has.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Whether its statement can tell readers of other processes.
    pub(crate) fn can_tell(&self) -> bool {
        self.kind != Kind::Any
    }

    /// The statement that appends them, in a transaction of its own, and tells readers on this channel where it can.
    pub(crate) fn query(&self, sql: &Sql, channel: Option<&str>) -> Query {
        match self.kind {
            Kind::Lone => self.bind_lone(sql.append_lone.clone()).bind(channel.map(str::to_owned)),
            Kind::Plain => self.bind_plain(sql.append_plain.clone()).bind(channel.map(str::to_owned)),
            Kind::Any => self.bind(sql.append.clone()),
        }
    }

    fn bind_lone(&self, sql: SqlStr) -> Query {
        let (append, event) = (&self.calls[0][0], &self.calls[0][0].events[0]);
        sqlx::query(sql)
            .bind(append.stream.as_str())
            .bind(expected(append.expected))
            .bind(event.event_id.uuid())
            .bind(&*event.name)
            .bind(i64::from(event.schema_version))
            .bind(event.metadata.correlation_id)
            .bind(event.metadata.causation_id)
            .bind(event.metadata.to_json_without_ids())
            .bind(event.payload.as_bytes())
    }

    fn bind_plain(&self, sql: SqlStr) -> Query {
        let appends = || self.calls.iter().map(|call| &call[0]);
        let query = sqlx::query(sql)
            .bind(appends().map(|append| append.stream.as_str()).collect::<Vec<_>>())
            .bind(appends().map(|append| expected(append.expected)).collect::<Vec<_>>());
        self.columns().bind_to(query)
    }

    /// The statement for all kinds of calls with its parameters; see the text for what they are.
    pub(crate) fn bind(&self, sql: SqlStr) -> Query {
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
        self.columns().bind_to(query)
    }

    fn columns(&self) -> Columns<'c> {
        let appends = || self.calls.iter().copied().flatten();
        let count = appends().map(|append| append.events.len()).sum();
        let mut columns = Columns::with_capacity(count, self.kind);
        for (append, number) in appends().zip(1_i32..) {
            for (event, nth) in append.events.iter().zip(1_i32..) {
                columns.appends.push(number);
                match &mut columns.places {
                    Places::Versions(versions) => {
                        versions.push(expected(append.expected).saturating_add(i64::from(nth)));
                    }
                    Places::Nths(nths) => nths.push(nth),
                }
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
        columns
    }

    /// What became of each call.
    pub(crate) fn verdicts(&self, row: Option<&PgRow>) -> Result<Vec<Verdict>, StoreError> {
        let row = row.ok_or_else(|| StoreError::Corrupt("an append was answered by no row".into()))?;
        let mut answer = match self.kind {
            Kind::Lone => Answer::of_lone(row, &self.calls[0][0])?,
            Kind::Plain => Answer::of_plain(row, &self.calls)?,
            Kind::Any => Answer::of(row)?,
        };
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
    places: Places,
    streams: Vec<&'c str>,
    names: Vec<&'c str>,
    schema_versions: Vec<i64>,
    correlations: Vec<Option<Uuid>>,
    causations: Vec<Option<Uuid>>,
    metadata: Vec<Option<Vec<u8>>>,
    payloads: Vec<&'c [u8]>,
}

/// Where each event is in its append, as the statement wants it.
enum Places {
    /// Their versions.
    Versions(Vec<i64>),
    /// Their numbers in their appends.
    Nths(Vec<i32>),
}

impl Columns<'_> {
    fn with_capacity(count: usize, kind: Kind) -> Self {
        let places = match kind {
            Kind::Lone | Kind::Plain => Places::Versions(Vec::with_capacity(count)),
            Kind::Any => Places::Nths(Vec::with_capacity(count)),
        };
        Self {
            ids: Vec::with_capacity(count),
            appends: Vec::with_capacity(count),
            places,
            streams: Vec::with_capacity(count),
            names: Vec::with_capacity(count),
            schema_versions: Vec::with_capacity(count),
            correlations: Vec::with_capacity(count),
            causations: Vec::with_capacity(count),
            metadata: Vec::with_capacity(count),
            payloads: Vec::with_capacity(count),
        }
    }

    /// Behind what describes the appends, in the order in which both statements name them. Where all of a column are null it
    /// goes without them, which is the same to `unnest` beside longer arrays.
    fn bind_to(self, query: Query) -> Query {
        let query = query.bind(self.ids).bind(self.appends);
        let query = match self.places {
            Places::Versions(versions) => query.bind(versions),
            Places::Nths(nths) => query.bind(nths),
        };
        query
            .bind(self.streams)
            .bind(self.names)
            .bind(self.schema_versions)
            .bind(unless_all_null(self.correlations))
            .bind(unless_all_null(self.causations))
            .bind(unless_all_null(self.metadata))
            .bind(self.payloads)
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

    /// The same of the statement for one event, which has written it.
    fn of_lone(row: &PgRow, append: &Append) -> Result<Self, StoreError> {
        Ok(Self {
            at: value(row, 0)?,
            refused_calls: Vec::new(),
            heads: vec![expected(append.expected)],
            known: vec![false],
            log_heads: vec![0],
            positions: vec![value(row, 1)?].into_iter(),
        })
    }

    /// The same of the statement for the commonest calls, which leaves out what follows from what was sent.
    fn of_plain(row: &PgRow, calls: &[&[Append]]) -> Result<Self, StoreError> {
        let heads: Vec<i64> = value(row, 1)?;
        let refused = calls.iter().zip(&heads).zip(0..);
        let refused = refused.filter(|((call, head), _)| expected(call[0].expected) != **head);
        let mut known = vec![false; calls.len()];
        for append in value::<Option<Vec<i32>>>(row, 2)?.unwrap_or_default() {
            let place = usize::try_from(append).ok().and_then(|append| known.get_mut(append.checked_sub(1)?));
            *place.ok_or_else(|| StoreError::Corrupt("an append was answered that was not sent".into()))? =
                true;
        }
        Ok(Self {
            at: value(row, 0)?,
            refused_calls: refused.map(|(_, number)| number).collect(),
            log_heads: vec![0; heads.len()],
            heads,
            known,
            positions: value::<Option<Vec<i64>>>(row, 3)?.unwrap_or_default().into_iter(),
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

fn unless_all_null<T>(values: Vec<Option<T>>) -> Vec<Option<T>> {
    if values.iter().all(Option::is_none) { Vec::new() } else { values }
}

/// Whether there is nothing about the call that only the statement for all of them knows.
fn is_plain(call: &[Append]) -> bool {
    let [append] = call else { return false };
    let is_of_a_version = matches!(append.expected, Expected::Empty | Expected::Exactly(_));
    is_of_a_version && append.command_id.is_none() && !append.events.is_empty()
}

/// Whether it is one event, and the server can count its version: none comes behind the last number there is.
fn is_lone(append: &Append) -> bool {
    append.events.len() == 1 && expected(append.expected) < i64::MAX
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
