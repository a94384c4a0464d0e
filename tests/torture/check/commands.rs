//! What commands believed when they decided, and what they were answered.

use super::Anomaly;
use crate::history::{History, Row};
use crate::line::Verdict;
use std::collections::BTreeMap;

/// Commands that decided on a total that was not there when their events were stored.
pub fn totals(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for (stream, rows) in counters(history) {
        let mut sum = 0;
        for (at, row) in rows.iter().enumerate() {
            sum += row.amount;
            if let Some(total) = row.total.filter(|total| *total != sum) {
                let what = format!("version {} of {stream} was decided for a total of {total}", row.version);
                let what = format!("{what}, and makes it {sum}");
                found.push(Anomaly::new("stale decision", what).with(&rows[at.saturating_sub(2)..=at]));
                // What comes after it is wrong because of it.
                break;
            }
        }
    }
    found
}

/// Commands whose answer is not what the log says.
pub fn answers(history: &History) -> Vec<Anomaly> {
    let counters = counters(history);
    let mut found = Vec::new();
    for command in &history.commands {
        let Verdict::Done { total, version } = command.verdict else { continue };
        let stream = format!("{}-{}", crate::commander::CATEGORY, command.counter);
        let rows = counters.get(stream.as_str()).map_or(&[][..], Vec::as_slice);
        match rows.iter().find(|row| row.command.as_ref() == Some(&command.command)) {
            None => {
                let what = format!("command {} on {stream} was carried out", command.command);
                found.push(Anomaly::new("lost", what + " and is not in the log").with([command]));
            }
            Some(row) if row.version != version || row.total != Some(total) => {
                let shown = [format!("{row:?}"), format!("{command:?}")];
                let what = format!("command {}: the answer is not what the log says", command.command);
                found.push(Anomaly::new("wrong answer", what).with(shown));
            }
            Some(_) => (),
        }
    }
    found
}

/// The streams of all counters, by version.
fn counters(history: &History) -> BTreeMap<&str, Vec<&Row>> {
    let mut counters: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in history.log.iter().filter(|row| row.stream.category() == crate::commander::CATEGORY) {
        counters.entry(row.stream.as_str()).or_default().push(row);
    }
    counters.values_mut().for_each(|rows| rows.sort_by_key(|row| row.version));
    counters
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{good, names};
    use super::*;

    #[test]
    fn a_total_that_was_not_there_is_a_stale_decision() {
        let mut history = good();
        history.log[6].total = Some(5);
        assert_eq!(names(&totals(&history)), ["stale decision"]);
    }

    #[test]
    fn an_answer_that_the_log_does_not_give_is_wrong_or_lost() {
        let mut history = good();
        history.commands[0].verdict = Verdict::Done { total: 6, version: 1 };
        assert_eq!(names(&answers(&history)), ["wrong answer"]);
        history.log[5].command = None;
        assert_eq!(names(&answers(&history)), ["lost"]);
    }
}
