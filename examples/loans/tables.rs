//! The report as people read it.

use crate::domain::{Euros, Outcome};
use crate::report::Report;
use crate::timings::Timings;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use std::cmp::Reverse;
use std::fmt::Write;

/// How many employees are shown; `--json` has all of them.
const EMPLOYEES_SHOWN_MAX: usize = 10;

/// The read models as tables, and how long it took.
pub fn show(report: &Report, timings: &Timings) -> String {
    let mut text = String::new();
    for (title, table) in [
        ("Outcomes", outcomes(report)),
        ("By month of submission", months(report)),
        ("What happened", activities(report)),
        ("Who did the most work", employees(report)),
        ("The longest applications", applications(report)),
    ] {
        write!(text, "{title}\n{table}\n\n").expect("a string takes any text");
    }
    text + &closing(report, timings)
}

fn outcomes(report: &Report) -> Table {
    let counts = report.outcomes;
    let median = |outcome| {
        let median = report.duration_hours.get(&outcome).and_then(|duration| duration.median);
        median.map_or_else(|| "–".to_owned(), |hours| format!("{hours:.1}"))
    };
    table(
        ["outcome", "applications", "hours, median"],
        [
            ["approved".to_owned(), grouped(counts.approved), median(Outcome::Approved)],
            ["declined".to_owned(), grouped(counts.declined), median(Outcome::Declined)],
            ["cancelled".to_owned(), grouped(counts.cancelled), median(Outcome::Cancelled)],
            ["open".to_owned(), grouped(counts.open), "–".to_owned()],
        ],
    )
}

fn months(report: &Report) -> Table {
    let titles = ["month", "submitted", "approved", "declined", "cancelled", "euros approved"];
    let rows = report.months.iter().map(|(month, view)| {
        let [submitted, approved, declined, cancelled] =
            [view.submitted, view.approved, view.declined, view.cancelled].map(grouped);
        [month.clone(), submitted, approved, declined, cancelled, euros(view.amount_approved)]
    });
    table(titles, rows)
}

fn activities(report: &Report) -> Table {
    let rows = report.activities.iter().map(|(activity, events)| [activity.clone(), grouped(*events)]);
    table(["activity/lifecycle", "events"], rows)
}

fn employees(report: &Report) -> Table {
    let mut busiest: Vec<_> = report.employees.iter().collect();
    busiest.sort_by_key(|(_, work)| Reverse(work.completed));
    let rows = busiest.into_iter().take(EMPLOYEES_SHOWN_MAX);
    table(
        ["employee", "started", "completed"],
        rows.map(|(employee, work)| [employee.to_string(), grouped(work.started), grouped(work.completed)]),
    )
}

fn applications(report: &Report) -> Table {
    let rows = report.longest.iter().map(|(case_id, view)| {
        let [first, last] = [view.first, view.last].map(|time| time.format("%Y-%m-%d %H:%M").to_string());
        [
            case_id.to_string(),
            view.state.to_string(),
            euros(view.amount),
            grouped(view.offers),
            grouped(view.events),
            first,
            last,
        ]
    });
    table(["application", "state", "euros", "offers", "events", "first (UTC)", "last (UTC)"], rows)
}

fn closing(report: &Report, timings: &Timings) -> String {
    let mut text = format!(
        "{} events of {} applications and {} employees",
        grouped(report.events),
        grouped(report.applications),
        grouped(report.employees.len() as u64),
    );
    if let Some(longest) = &report.longest_application {
        write!(text, "; the longest application is {} with {} events", longest.case_id, longest.events)
            .expect("a string takes any text");
    }
    let Timings { import_seconds, commands_per_second, projections_seconds, events_per_second, .. } = timings;
    write!(
        text,
        "\nimport {import_seconds:.1} s ({commands_per_second:.0} commands/s), \
         read models {projections_seconds:.1} s ({events_per_second:.0} events/s)\n"
    )
    .expect("a string takes any text");
    text
}

/// A table whose first column is text and whose others are numbers.
fn table<const COLUMNS: usize>(
    titles: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(titles);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn euros(amount: Euros) -> String {
    // An amount prints as its number, so this always parses.
    amount.to_string().parse().map_or_else(|_| amount.to_string(), grouped)
}

/// `262200` as `262,200`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 262_200].map(grouped), ["0", "999", "1,000", "262,200"]);
    }

    #[test]
    fn a_report_of_nothing_can_be_shown() {
        let none = std::time::Duration::ZERO;
        let shown = show(&Report::default(), &Timings::new(none, (0, none), (0, none)));
        assert!(shown.contains("0 events of 0 applications"), "{shown}");
    }
}
