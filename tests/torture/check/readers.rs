//! What readers were given, and what is there.

use super::Anomaly;
use crate::history::{History, Row};
use crate::line::{Given, Outcome};
use es_core::EventId;
use std::collections::{BTreeMap, BTreeSet};

/// How many committed events readers passed over, were given twice, and were given too late.
pub fn count(history: &History) -> (usize, usize, usize) {
    let missed = history.readers.values().map(|pages| missed(history, pages).len()).sum();
    let (mut duplicates, mut reordered) = (0, 0);
    for pages in history.readers.values() {
        let mut seen = BTreeSet::new();
        let mut highest = 0;
        for (position, id) in pages.iter().flat_map(|page| &page.rows) {
            duplicates += usize::from(!seen.insert(id));
            reordered += usize::from(*position <= highest);
            highest = highest.max(*position);
        }
    }
    (missed, duplicates, reordered)
}

/// The rows that a reader wanted, passed and was not given.
fn missed<'a>(history: &'a History, pages: &[Given]) -> Vec<&'a Row> {
    let given: BTreeSet<_> = pages.iter().flat_map(|page| &page.rows).map(|(_, id)| id).collect();
    let begun = pages.first().map_or(0, |page| page.after);
    let passed = pages.iter().map(|page| page.cursor).max().unwrap_or_default();
    let category = pages.first().and_then(|page| page.category.as_deref());
    let is_wanted = |row: &&Row| category.is_none_or(|category| row.stream.category() == category);
    let is_missed = |row: &&Row| row.position > begun && row.position <= passed && !given.contains(&row.id);
    history.log.iter().filter(is_wanted).filter(is_missed).collect()
}

/// Readers that passed over a committed event.
pub fn skipped(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (reader, pages) in &history.readers {
        let missed = missed(history, pages);
        let Some(first) = missed.first() else { continue };
        let passing = pages.iter().find(|page| page.after < first.position && first.position <= page.cursor);
        let passing = passing.map(|page| format!("{:?}", near(page, first.position)));
        let what = format!(
            "{reader} passed over {} committed events, the first at position {}",
            missed.len(),
            first.position
        );
        let sent = history.calls.iter().filter(|call| call.ids().contains(&first.id));
        let shown = [format!("{first:?}")].into_iter().chain(passing);
        let shown = shown.chain(sent.map(|call| format!("{call:?}"))).collect::<Vec<_>>();
        let mut anomaly = Anomaly::new("skipped", what);
        anomaly.history = shown;
        found.push(anomaly);
    }
    found
}

/// A page without the rows that are far from `position`.
fn near(page: &Given, position: u64) -> Given {
    let mut page = page.clone();
    let at = page.rows.partition_point(|(row, _)| *row < position);
    page.rows = page.rows.iter().copied().skip(at.saturating_sub(2)).take(4).collect();
    page
}

/// Readers whose positions do not increase, from page to page too.
pub fn polls(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (reader, pages) in &history.readers {
        let mut last: Option<(u64, EventId)> = None;
        for page in pages {
            for (position, id) in &page.rows {
                let Some((before, _)) = last.filter(|(before, _)| position <= before) else {
                    last = Some((*position, *id));
                    continue;
                };
                let what = format!("{reader} was given position {before} and later {position}");
                found.push(Anomaly::new("non-monotonic poll", what).with([near(page, *position)]));
            }
        }
    }
    found
}

/// Readers that were given an event which is not in the log.
pub fn aborted(history: &History) -> Vec<Anomaly> {
    let ids: BTreeSet<_> = history.log.iter().map(|row| row.id).collect();
    let mut found = Vec::new();
    for (reader, pages) in &history.readers {
        let rows = pages.iter().flat_map(|page| page.rows.iter().map(move |row| (page, row)));
        if let Some((page, (position, id))) = rows.into_iter().find(|(_, (_, id))| !ids.contains(id)) {
            let what = format!("{reader} was given event {id} at position {position}, which is not there");
            let sent = history.calls.iter().filter(|call| call.ids().contains(id));
            let shown = sent.map(|call| format!("{call:?}"));
            let shown = shown.chain([format!("{:?}", near(page, *position))]);
            found.push(Anomaly::new("aborted read", what).with(shown));
        }
    }
    found
}

/// Readers that were given different events at one position, or one at two.
pub fn divergent(history: &History) -> Vec<Anomaly> {
    let mut at: BTreeMap<u64, (EventId, &str)> =
        history.log.iter().map(|row| (row.position, (row.id, "the log"))).collect();
    let mut found = Vec::new();
    for (reader, pages) in &history.readers {
        for (position, id) in pages.iter().flat_map(|page| &page.rows) {
            let (other, whose) = *at.entry(*position).or_insert((*id, reader));
            if other != *id {
                let what = format!("at position {position} {reader} has event {id} and {whose} has {other}");
                found.push(Anomaly::new("divergent readers", what));
            }
        }
    }
    found
}

/// Reads of streams that differ from the stream, end within an append, or lack what was acknowledged before.
pub fn stream_reads(history: &History) -> Vec<Anomaly> {
    let mut streams: BTreeMap<&str, BTreeMap<u64, &Row>> = BTreeMap::new();
    for row in &history.log {
        streams.entry(row.stream.as_str()).or_default().insert(row.version, row);
    }
    let appends = appends_of_streams(history);
    let mut found = Vec::new();
    for read in &history.reads {
        let none = BTreeMap::new();
        let stream = streams.get(read.stream.as_str()).unwrap_or(&none);
        let read_to = read.after + read.ids.len() as u64;
        let foreign = read
            .ids
            .iter()
            .zip(read.after + 1..)
            .find(|(id, version)| stream.get(version).is_none_or(|row| row.id != **id));
        if let Some((id, version)) = foreign {
            let what = format!("version {version} of {} was read as event {id}", read.stream);
            found.push(Anomaly::new("aborted read", what).with(stream.get(&version)));
        }
        let Some(stored) = appends.get(read.stream.as_str()) else { continue };
        if let Some((first, last)) = stored.around(read_to).filter(|(first, _)| *first > read.after) {
            let what = format!("{} was read up to version {read_to}", read.stream);
            let what = format!("{what}, in an append of versions {first} to {last}");
            found.push(Anomaly::new("torn", what).with([read.began]));
        }
        let acked = stored.acked_before(read.began);
        if acked > read_to {
            let what = format!("{} was read up to version {read_to}", read.stream);
            let what = format!("{what}, after version {acked} was acknowledged");
            found.push(Anomaly::new("stale read", what).with([read.began]));
        }
    }
    found
}

/// The appends to one stream.
#[derive(Default)]
struct Stored {
    /// The first and the last version of each, in order.
    ranges: Vec<(u64, u64)>,
    /// When each was acknowledged, in order, and the highest version that was by then.
    acked: Vec<(u64, u64)>,
}

impl Stored {
    /// The append that begins at or below `version` and ends above.
    fn around(&self, version: u64) -> Option<(u64, u64)> {
        let at = self.ranges.partition_point(|(first, _)| *first <= version).checked_sub(1)?;
        self.ranges.get(at).copied().filter(|(_, last)| version < *last)
    }

    fn acked_before(&self, time: u64) -> u64 {
        let at = self.acked.partition_point(|(acked, _)| *acked < time);
        at.checked_sub(1).map_or(0, |at| self.acked[at].1)
    }

    fn sort(&mut self) {
        self.ranges.sort_unstable();
        self.acked.sort_unstable();
        let mut highest = 0;
        for (_, version) in &mut self.acked {
            highest = highest.max(*version);
            *version = highest;
        }
    }
}

fn appends_of_streams(history: &History) -> BTreeMap<&str, Stored> {
    let versions: BTreeMap<_, _> = history.log.iter().map(|row| (row.id, row.version)).collect();
    let mut appends: BTreeMap<&str, Stored> = BTreeMap::new();
    for call in &history.calls {
        let acked = call.ended.filter(|_| matches!(call.outcome, Outcome::Ok(_)));
        for part in &call.parts {
            let found: Vec<_> = part.ids.iter().filter_map(|id| versions.get(id).copied()).collect();
            if let (Some(first), Some(last)) = (found.iter().min(), found.iter().max()) {
                let stored = appends.entry(part.stream.as_str()).or_default();
                stored.ranges.push((*first, *last));
                stored.acked.extend(acked.map(|acked| (acked, *last)));
            }
        }
    }
    appends.values_mut().for_each(Stored::sort);
    appends
}

#[cfg(test)]
#[path = "readers_tests.rs"]
mod tests;
