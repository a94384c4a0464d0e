//! What the log by itself must be.

use super::Anomaly;
use crate::history::{History, Row};
use std::collections::BTreeMap;

/// An event that is there twice.
pub fn duplicates(history: &History) -> Vec<Anomaly> {
    let mut by_id: BTreeMap<_, Vec<&Row>> = BTreeMap::new();
    history.log.iter().for_each(|row| by_id.entry(row.id).or_default().push(row));
    let twice = by_id.into_iter().filter(|(_, rows)| rows.len() > 1);
    twice
        .map(|(id, rows)| {
            let positions: Vec<_> = rows.iter().map(|row| row.position).collect();
            Anomaly::new("duplicate", format!("event {id} is at positions {positions:?}")).with(rows)
        })
        .collect()
}

/// Positions that do not increase.
pub fn positions(history: &History) -> Vec<Anomaly> {
    let wrong = history.log.windows(2).filter(|pair| pair[0].position >= pair[1].position);
    wrong
        .map(|pair| {
            let (one, other) = (pair[0].position, pair[1].position);
            Anomaly::new("position used twice", format!("position {other} follows {one}")).with(pair)
        })
        .collect()
}

/// Streams whose versions are not 1, 2, 3, …
pub fn versions(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (stream, rows) in streams(&history.log) {
        let mut versions: Vec<u64> = rows.iter().map(|row| row.version).collect();
        versions.sort_unstable();
        let wrong = versions.iter().zip(1..).find(|(version, wanted)| *version != wanted);
        if let Some((version, wanted)) = wrong {
            let name = if *version < wanted { "version fork" } else { "version gap" };
            let near = rows.iter().filter(|row| row.version.abs_diff(wanted) <= 2);
            let what = format!("stream {stream} has version {version} where {wanted} should be");
            found.push(Anomaly::new(name, what).with(near));
        }
    }
    found
}

/// Streams whose versions do not increase with their positions.
pub fn global_order(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (stream, rows) in streams(&history.log) {
        let wrong = rows.windows(2).find(|pair| pair[0].version > pair[1].version);
        if let Some(pair) = wrong {
            let what = format!(
                "stream {stream} has version {} at position {} and version {} at position {}",
                pair[0].version, pair[0].position, pair[1].version, pair[1].position
            );
            found.push(Anomaly::new("stream order unlike global order", what).with(pair));
        }
    }
    found
}

fn streams(log: &[Row]) -> BTreeMap<&str, Vec<&Row>> {
    let mut streams: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    log.iter().for_each(|row| streams.entry(row.stream.as_str()).or_default().push(row));
    streams
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{good, names};
    use super::*;

    #[test]
    fn an_event_that_is_there_twice_is_a_duplicate() {
        let mut history = good();
        history.log[4].id = history.log[0].id;
        assert_eq!(names(&duplicates(&history)), ["duplicate"]);
    }

    #[test]
    fn a_position_that_does_not_increase_is_found() {
        let mut history = good();
        history.log[1].position = history.log[0].position;
        assert_eq!(names(&positions(&history)), ["position used twice"]);
    }

    #[test]
    fn a_missing_version_is_a_gap_and_a_repeated_one_a_fork() {
        let mut history = good();
        history.log[1].version = 7;
        assert_eq!(names(&versions(&history)), ["version gap"]);
        history.log[1].version = 1;
        assert_eq!(names(&versions(&history)), ["version fork"]);
    }

    #[test]
    fn versions_that_change_places_are_unlike_the_global_order() {
        let mut history = good();
        history.log[0].version = 2;
        history.log[1].version = 1;
        assert_eq!(names(&global_order(&history)), ["stream order unlike global order"]);
        assert_eq!(names(&versions(&history)), [""; 0]);
    }
}
