//! What the answers said, and what is there.

use super::Anomaly;
use crate::history::{Call, History, Row};
use crate::line::{Answer, Expect, Outcome, Part};
use es_core::{CommandId, EventId};
use std::collections::{BTreeMap, BTreeSet};

/// All calls with the same events, by the time they began, and what of these is in the log.
struct Bundle<'a> {
    ids: Vec<EventId>,
    calls: Vec<&'a Call>,
    present: usize,
    command: Option<&'a CommandId>,
}

impl Bundle<'_> {
    /// The answers that were given, with whether they said that nothing new was stored.
    fn answers(&self) -> impl Iterator<Item = (&Call, &Vec<Answer>)> {
        self.calls.iter().filter_map(|call| match &call.outcome {
            Outcome::Ok(answers) => Some((*call, answers)),
            _ => None,
        })
    }

    fn was_stored_by_itself(&self) -> bool {
        self.answers().any(|(_, answers)| answers.iter().any(|answer| !answer.repeated))
    }

    fn may_be_there(&self) -> bool {
        self.calls.iter().any(|call| !matches!(call.outcome, Outcome::Refused(_)))
    }

    fn name(&self) -> String {
        let streams: BTreeSet<_> = self.calls[0].parts.iter().map(|part| part.stream.to_string()).collect();
        format!("the append of {} events to {streams:?} beginning with event {}", self.ids.len(), self.ids[0])
    }
}

fn by_id(log: &[Row]) -> BTreeMap<EventId, &Row> {
    log.iter().map(|row| (row.id, row)).collect()
}

/// Calls without events are left out.
fn bundles(history: &History) -> Vec<Bundle<'_>> {
    let rows = by_id(&history.log);
    let mut bundles: BTreeMap<Vec<EventId>, Vec<&Call>> = BTreeMap::new();
    for call in history.calls.iter().filter(|call| !call.ids().is_empty()) {
        bundles.entry(call.ids()).or_default().push(call);
    }
    let bundle = |(ids, mut calls): (Vec<EventId>, Vec<_>)| {
        calls.sort_by_key(|call: &&Call| call.began);
        let present = ids.iter().filter(|id| rows.contains_key(id)).count();
        let command = calls[0].parts.iter().find_map(|part| part.command.as_ref());
        Bundle { ids, calls, present, command }
    };
    bundles.into_iter().map(bundle).collect()
}

/// What was acknowledged and is not there.
pub fn lost(history: &History) -> Vec<Anomaly> {
    let commands: BTreeSet<_> = history.log.iter().filter_map(|row| row.command.as_ref()).collect();
    let is_lost = |bundle: &Bundle<'_>| {
        let elsewhere = bundle.command.is_some_and(|command| commands.contains(command));
        let answered = bundle.answers().next().is_some();
        bundle.present == 0 && answered && (bundle.was_stored_by_itself() || !elsewhere)
    };
    let lost = bundles(history).into_iter().filter(is_lost);
    lost.map(|bundle| {
        let what = format!("{} was acknowledged and is not in the log", bundle.name());
        Anomaly::new("lost", what).with(&bundle.calls)
    })
    .collect()
}

/// What was refused, or never sent, and is there.
pub fn phantoms(history: &History) -> Vec<Anomaly> {
    let bundles = bundles(history);
    let sent: BTreeSet<_> = bundles.iter().flat_map(|bundle| &bundle.ids).collect();
    let refused = bundles.iter().filter(|bundle| bundle.present > 0 && !bundle.may_be_there());
    let refused = refused.map(|bundle| {
        let what = format!("{} was refused and is in the log", bundle.name());
        Anomaly::new("phantom", what).with(&bundle.calls)
    });
    let never = history.log.iter().filter(|row| !sent.contains(&row.id));
    let never = never.map(|row| Anomaly::new("phantom", format!("nobody sent event {}", row.id)).with([row]));
    refused.chain(never).collect()
}

/// Appends of which a part is there, or whose events are in another order or stream.
pub fn torn(history: &History) -> Vec<Anomaly> {
    let rows = by_id(&history.log);
    let is_torn = |bundle: &&Bundle<'_>| {
        let found: Vec<_> = bundle.ids.iter().filter_map(|id| rows.get(id)).collect();
        let in_order = found.windows(2).all(|pair| pair[0].position < pair[1].position);
        let streams = bundle.calls[0].parts.iter().flat_map(|part| part.ids.iter().map(|_| &part.stream));
        let in_place = found.iter().zip(streams).all(|(row, stream)| row.stream == *stream);
        !found.is_empty() && (found.len() < bundle.ids.len() || !in_order || !in_place)
    };
    let bundles = bundles(history);
    let torn = bundles.iter().filter(is_torn);
    torn.map(|bundle| {
        let found = bundle.ids.iter().filter_map(|id| rows.get(id));
        let what = format!("{}: {} of them are there, or out of order", bundle.name(), bundle.present);
        Anomaly::new("torn", what).with(found)
    })
    .collect()
}

/// Answers that differ from the log or from each other, and effects that a command had twice.
pub fn wrong_answers(history: &History) -> Vec<Anomaly> {
    let rows = by_id(&history.log);
    let places: BTreeMap<u64, &Row> = history.log.iter().map(|row| (row.position, row)).collect();
    let mut tries: BTreeMap<&CommandId, usize> = BTreeMap::new();
    for part in history.calls.iter().flat_map(|call| &call.parts) {
        part.command.iter().for_each(|command| *tries.entry(command).or_default() += 1);
    }
    let mut found = Vec::new();
    for bundle in bundles(history) {
        let is_first = bundle.calls.len() == 1 && bundle.command.is_none_or(|command| tries[command] == 1);
        if is_first && bundle.answers().any(|(_, answers)| answers.iter().any(|answer| answer.repeated)) {
            let what = format!("{} was answered again, and nobody had sent it before", bundle.name());
            found.push(Anomaly::new("wrong answer", what).with(&bundle.calls));
        }
        let first = bundle.answers().filter(|(_, answers)| answers.iter().any(|answer| !answer.repeated));
        if first.count() > 1 {
            let what = format!("{} was stored by two calls, or so they say", bundle.name());
            found.push(Anomaly::new("duplicate", what).with(&bundle.calls));
        }
        for (call, answers) in bundle.answers() {
            for (part, answer) in call.parts.iter().zip(answers).filter(|(part, _)| !part.ids.is_empty()) {
                let right = match (answer.repeated, &part.command) {
                    // The events may be those of another try of the command.
                    (true, Some(command)) => answered_by_command(&places, part, command, answer),
                    _ => answered_by_events(&rows, part, answer),
                };
                if !right && bundle.present > 0 {
                    let what = format!("{}: the answer is not what the log says", bundle.name());
                    let shown = part.ids.iter().filter_map(|id| rows.get(id));
                    let shown = shown.map(|row| format!("{row:?}")).chain([format!("{call:?}")]);
                    found.push(Anomaly::new("wrong answer", what).with(shown));
                }
            }
        }
    }
    found.extend(commands_done_twice(history));
    found
}

fn answered_by_events(rows: &BTreeMap<EventId, &Row>, part: &Part, answer: &Answer) -> bool {
    let first = answer.version + 1 - part.ids.len().min(answer.version as usize) as u64;
    let is_right = |((id, position), version): ((&EventId, &u64), u64)| {
        rows.get(id).is_some_and(|row| row.position == *position && row.version == version)
    };
    answer.positions.len() == part.ids.len()
        && part.ids.iter().zip(&answer.positions).zip(first..).all(is_right)
}

fn answered_by_command(
    places: &BTreeMap<u64, &Row>,
    part: &Part,
    command: &CommandId,
    answer: &Answer,
) -> bool {
    let is_right = |position: &u64| {
        let row = places.get(position);
        row.is_some_and(|row| row.command.as_ref() == Some(command) && row.stream == part.stream)
    };
    answer.positions.iter().all(is_right)
}

fn commands_done_twice(history: &History) -> Vec<Anomaly> {
    let mut tries: BTreeMap<&CommandId, Vec<Bundle<'_>>> = BTreeMap::new();
    for bundle in bundles(history).into_iter().filter(|bundle| bundle.present > 0) {
        if let Some(command) = bundle.command {
            tries.entry(command).or_default().push(bundle);
        }
    }
    let twice = tries.into_iter().filter(|(_, bundles)| bundles.len() > 1);
    twice
        .map(|(command, bundles)| {
            let calls = bundles.iter().flat_map(|bundle| &bundle.calls);
            Anomaly::new("duplicate", format!("command {command} was carried out twice")).with(calls)
        })
        .collect()
}

/// Appends that come before what was acknowledged before they began.
pub fn real_time(history: &History) -> Vec<Anomaly> {
    let rows = by_id(&history.log);
    let bundles = bundles(history);
    let mut acked: Vec<(u64, u64)> = Vec::new();
    for bundle in bundles.iter().filter(|bundle| bundle.present > 0) {
        let ended = bundle.answers().filter_map(|(call, _)| call.ended).min();
        let last = bundle.ids.iter().filter_map(|id| rows.get(id)).map(|row| row.position).max();
        acked.extend(ended.zip(last));
    }
    acked.sort_unstable();
    let mut highest = 0;
    let highest: Vec<u64> = acked
        .iter()
        .map(|(_, position)| {
            highest = highest.max(*position);
            highest
        })
        .collect();
    let mut found = Vec::new();
    for bundle in bundles.iter().filter(|bundle| bundle.present > 0) {
        let began = bundle.calls[0].began;
        let before = acked.partition_point(|(ended, _)| *ended < began);
        let first = bundle.ids.iter().filter_map(|id| rows.get(id)).min_by_key(|row| row.position);
        if let (Some(at), Some(row)) = (before.checked_sub(1).map(|index| highest[index]), first)
            && row.position < at
        {
            let what = format!(
                "{} began after position {at} was acknowledged, and is at {}",
                bundle.name(),
                row.position
            );
            found.push(Anomaly::new("order unlike real time", what).with(&bundle.calls));
        }
    }
    found
}

/// Appends that are there although the stream was not as expected.
pub fn expectations(history: &History) -> Vec<Anomaly> {
    let rows = by_id(&history.log);
    let mut found = Vec::new();
    for bundle in bundles(history) {
        for part in &bundle.calls[0].parts {
            let Some(row) = part.ids.first().and_then(|id| rows.get(id)) else { continue };
            let before = row.version - 1;
            let admits = match part.expected {
                Expect::Any => true,
                Expect::Empty => before == 0,
                Expect::Exists => before > 0,
                Expect::Exactly(version) => before == version,
            };
            if !admits {
                let what = format!("{} expected {:?} and found {before}", bundle.name(), part.expected);
                found.push(Anomaly::new("stale decision", what).with(&bundle.calls));
            }
        }
    }
    found
}

#[cfg(test)]
#[path = "outcomes_tests.rs"]
mod tests;
