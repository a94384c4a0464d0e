//! [`Generator`].

mod story;

use super::row::COLUMNS;
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use fastrand::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read};
use story::Story;

/// A log of the shape of the real one, as the bytes of a CSV file: the same steps in the same order and with similar
/// frequencies, every rule of the domain kept, and the whole of it settled by two numbers.
///
/// Applications overlap, as in the real log, so rows are held until no earlier one can come: as many as there are
/// applications open at a time, and no more.
pub struct Generator {
    random: Rng,
    applications: u64,
    submitted: u64,
    /// What happens later, the earliest first; what happens at the same time in the order it was made.
    pending: BinaryHeap<Reverse<(DateTime<Utc>, u64, String)>>,
    made: u64,
    text: Vec<u8>,
    read: usize,
}

/// The first second of the real log, 2011-10-01T00:00+02:00, and how long customers applied.
const BEGIN: DateTime<Utc> = DateTime::from_timestamp(1_317_420_000, 0).expect("the year 2011 is in range");
const SUBMISSION_DAYS: i64 = 152;

/// The last second, 2012-03-14T16:00+01:00: what would happen later has not happened yet, which leaves some open.
const END: DateTime<Utc> = DateTime::from_timestamp(1_331_737_200, 0).expect("the year 2012 is in range");

/// When the clocks of the bank went back by an hour: 2011-10-30T01:00Z.
const SUMMER_END: DateTime<Utc> =
    DateTime::from_timestamp(1_319_936_400, 0).expect("the year 2011 is in range");

/// The real log begins with this case, and counts up by three.
const FIRST_CASE: u64 = 173_688;

impl Generator {
    pub fn new(applications: u64, seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            applications,
            submitted: 0,
            pending: BinaryHeap::new(),
            made: 0,
            text: format!("{}\n", COLUMNS.join(",")).into_bytes(),
            read: 0,
        }
    }

    /// Makes the text of some more rows; none when all are made.
    fn refill(&mut self) {
        self.text.clear();
        self.read = 0;
        while self.text.is_empty() && (self.submitted < self.applications || !self.pending.is_empty()) {
            let next = (self.submitted < self.applications).then(|| self.submit());
            while let Some(Reverse((at, ..))) = self.pending.peek()
                && next.is_none_or(|next| *at < next)
            {
                let Reverse((_, _, row)) = self.pending.pop().expect("it was there a moment ago");
                self.text.extend_from_slice(row.as_bytes());
            }
        }
    }

    /// Tells the story of one more application; gives when it begins. None that is told later begins earlier.
    fn submit(&mut self) -> DateTime<Utc> {
        let span = TimeDelta::days(SUBMISSION_DAYS).num_milliseconds();
        let applications = i64::try_from(self.applications).unwrap_or(i64::MAX);
        let step = span / applications.max(1);
        let number = i64::try_from(self.submitted).unwrap_or(i64::MAX);
        let offset = step.saturating_mul(number) + self.random.i64(0..step.max(1));
        let begin = BEGIN + TimeDelta::milliseconds(offset);
        let case = FIRST_CASE + 3 * self.submitted;
        let (amount, happenings) = Story::tell(&mut self.random, begin);
        for happening in happenings.into_iter().take_while(|happening| happening.at <= END) {
            let story::Happening { at, activity, lifecycle, resource } = happening;
            let resource = resource.map(|number| number.to_string()).unwrap_or_default();
            let (begin, local) = (local(begin), local(at));
            let row = format!("{case},{amount},{begin},{activity},{lifecycle},{resource},{local}\n");
            self.pending.push(Reverse((at, self.made, row)));
            self.made += 1;
        }
        self.submitted += 1;
        begin
    }
}

impl Read for Generator {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.text.len() {
            self.refill();
        }
        let rest = &self.text[self.read..];
        let bytes = rest.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&rest[..bytes]);
        self.read += bytes;
        Ok(bytes)
    }
}

/// What a clock in the bank shows.
fn local(at: DateTime<Utc>) -> String {
    let hours = if at < SUMMER_END { 2 } else { 1 };
    let offset = FixedOffset::east_opt(hours * 3_600).expect("an hour or two is an offset");
    at.with_timezone(&offset).to_rfc3339_opts(SecondsFormat::Millis, false)
}

#[cfg(test)]
mod tests {
    use super::super::{Digest, Row, Source};
    use super::*;
    use crate::domain::{Application, CaseId};
    use es_core::{Aggregate, Apply, Handle};
    use std::collections::{BTreeMap, HashMap};

    fn rows(applications: u64, seed: u64) -> Vec<Row> {
        let source = Source::Generated { applications, seed };
        source.rows().unwrap().map(|row| row.unwrap().1.unwrap()).collect()
    }

    #[test]
    fn two_numbers_settle_the_whole_log() {
        let digest = |applications, seed| Digest::of(Generator::new(applications, seed)).unwrap();
        assert_eq!(digest(100, 1), digest(100, 1));
        assert_ne!(digest(100, 1), digest(100, 2));
        assert_ne!(digest(100, 1), digest(101, 1));
        assert_eq!(digest(0, 1).1, 1, "a header, and nothing else");
    }

    #[test]
    fn rows_are_in_the_order_of_time_and_keep_every_rule() {
        let mut applications = HashMap::<CaseId, Application>::new();
        let mut last = None;
        for row in rows(500, 1) {
            assert!(last <= Some(row.occurred_at), "line {} is earlier than the one before", row.line);
            last = Some(row.occurred_at);
            let case_id = row.case_id.clone();
            let state = applications.entry(case_id).or_insert_with(|| Application::init(&row.case_id));
            let events = state.handle(&row.step).unwrap_or_else(|error| panic!("line {}: {error}", row.line));
            events.iter().for_each(|event| state.apply(event));
        }
        assert_eq!(applications.len(), 500);
    }

    /// How often each activity comes in the real log, for a thousand applications.
    const REAL: [(&str, f64); 12] = [
        ("A_PREACCEPTED", 562.9),
        ("A_FINALIZED", 383.2),
        ("A_APPROVED", 171.6),
        ("A_DECLINED", 583.4),
        ("A_CANCELLED", 214.5),
        ("O_CREATED", 537.2),
        ("O_SENT_BACK", 263.9),
        ("W_Completeren aanvraag", 4_191.0),
        ("W_Nabellen offertes", 3_974.0),
        ("W_Valideren aanvraag", 1_590.0),
        ("W_Nabellen incomplete dossiers", 1_925.0),
        ("W_Afhandelen leads", 1_266.0),
    ];

    #[test]
    fn activities_are_about_as_frequent_as_in_the_real_log() {
        let mut text = String::new();
        Generator::new(2_000, 1).read_to_string(&mut text).unwrap();
        let mut counts = BTreeMap::<&str, f64>::new();
        for line in text.lines().skip(1) {
            *counts.entry(line.split(',').nth(3).unwrap()).or_default() += 0.5;
        }
        for (activity, real) in REAL {
            let found = counts.get(activity).copied().unwrap_or_default();
            assert!((0.75..1.33).contains(&(found / real)), "{activity}: {found} in 1,000, really {real}");
        }
    }
}
