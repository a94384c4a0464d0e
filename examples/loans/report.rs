//! [`Report`].

use crate::domain::{CaseId, Employee, Outcome};
use crate::views::{ALL, Activity, ApplicationSummary, EmployeeWork, Month, Outcomes};
use es_core::{Projection, Projector, ProjectorError, Store};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the read models say, as `--json` prints it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub events: u64,
    pub applications: u64,
    pub rejected: u64,
    pub outcomes: Outcomes,
    pub activities: BTreeMap<String, u64>,
    pub months: BTreeMap<String, Month>,
    pub employees: BTreeMap<Employee, EmployeeWork>,
    pub longest_application: Option<LongestApplication>,
    pub duration_hours: BTreeMap<Outcome, Duration>,
    /// The longest applications, the longest first; `--json` has only that one.
    #[serde(skip)]
    pub longest: Vec<(CaseId, ApplicationSummary)>,
}

/// The application with the most events; of several the one with the smallest case id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LongestApplication {
    pub case_id: CaseId,
    pub events: u64,
}

/// How long it takes from the first event of an application to its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Duration {
    /// Nothing where no application has this outcome.
    pub median: Option<f64>,
}

/// How many of the longest applications are kept.
const LONGEST_MAX: usize = 5;

/// How many views are read at a time.
const PAGE_VIEWS: usize = 1_000;

impl Report {
    /// Reads the read models, as they are.
    ///
    /// # Errors
    /// When one cannot be read.
    pub async fn read(store: &Arc<dyn Store>, rejected: u64) -> Result<Self, ProjectorError> {
        let outcomes = Projector::<Outcomes>::new(store.clone()).get(&ALL.to_owned()).await?;
        let mut report = Self { rejected, outcomes: outcomes.unwrap_or_default(), ..Self::default() };
        each::<Activity>(store, |activity, view| {
            report.activities.insert(activity, view.events);
        })
        .await?;
        each::<Month>(store, |month, view| {
            report.months.insert(month, view);
        })
        .await?;
        each::<EmployeeWork>(store, |employee, view| {
            report.employees.insert(employee, view);
        })
        .await?;
        let mut durations_ms: BTreeMap<Outcome, Vec<i64>> =
            Outcome::ALL.map(|outcome| (outcome, vec![])).into();
        each::<ApplicationSummary>(store, |case_id, view| {
            if let Some((outcome, duration)) = view.duration() {
                durations_ms.entry(outcome).or_default().push(duration.num_milliseconds());
            }
            report.count(case_id, view);
        })
        .await?;
        let median = |(outcome, durations)| (outcome, Duration { median: median_hours(durations) });
        let longest = report.longest.first();
        report.longest_application = longest
            .map(|(case_id, view)| LongestApplication { case_id: case_id.clone(), events: view.events });
        report.duration_hours = durations_ms.into_iter().map(median).collect();
        Ok(report)
    }

    fn count(&mut self, case_id: CaseId, application: ApplicationSummary) {
        self.applications += 1;
        self.events += application.events;
        // They come by case id, so the first of several equally long ones stays before the others.
        let place = self.longest.partition_point(|(_, longer)| longer.events >= application.events);
        self.longest.insert(place, (case_id, application));
        self.longest.truncate(LONGEST_MAX);
    }
}

/// Gives every view of `P` to `take`, by the order of the keys.
async fn each<P: Projection>(
    store: &Arc<dyn Store>,
    mut take: impl FnMut(P::Key, P),
) -> Result<(), ProjectorError> {
    let projector = Projector::<P>::new(store.clone());
    let mut after = None;
    loop {
        let page = projector.list(after.as_ref(), PAGE_VIEWS).await?;
        match page.last() {
            None => return Ok(()),
            Some((key, _)) => after = Some(key.clone()),
        }
        page.into_iter().for_each(|(key, view)| take(key, view));
    }
}

/// The one in the middle, or half way between the two. Nothing is rounded before the end.
fn median_hours(mut durations_ms: Vec<i64>) -> Option<f64> {
    durations_ms.sort_unstable();
    let middle = durations_ms.len() / 2;
    let twice = match durations_ms.len() {
        0 => return None,
        count if count % 2 == 1 => 2 * durations_ms[middle],
        _ => durations_ms[middle - 1] + durations_ms[middle],
    };
    Some(twice as f64 / 7_200_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median_hours(vec![]), None);
        assert_eq!(median_hours(vec![10_800_000, 3_600_000, 7_200_000]), Some(2.0));
        assert_eq!(median_hours(vec![3_600_000, 7_200_000]), Some(1.5));
    }
}
