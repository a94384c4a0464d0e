//! `docs/OBSERVABILITY.md` shows every metric there is, as the code has it, and no other.

use super::{assert_none, tree};
use es_core::metrics::{Kind, Label, METRICS, Metric};

const PAGE: &str = "docs/OBSERVABILITY.md";

/// The row of a metric in the table of the page.
fn row(metric: &Metric) -> String {
    let Metric { name, kind, unit, labels, about } = metric;
    let labels: Vec<_> = labels.iter().map(label).collect();
    format!("| `{name}` | {} | {} | {} | {about} |", kind.as_str(), unit.as_str(), labels.join("; "))
}

fn label(label: &Label) -> String {
    match label.values {
        [] => format!("`{}`", label.name),
        values => format!("`{}`: {}", label.name, values.join(", ")),
    }
}

fn differences(page: &str, metrics: &[Metric]) -> Vec<String> {
    let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("| `es_")).collect();
    let rows: Vec<String> = metrics.iter().map(row).collect();
    let missing = rows.iter().filter(|row| !shown.contains(&row.as_str()));
    let wrong = shown.iter().filter(|shown| !rows.iter().any(|row| row == *shown));
    let mut found: Vec<_> = missing.map(|row| format!("{PAGE} lacks: {row}")).collect();
    found.extend(wrong.map(|row| format!("{PAGE} has what the code has not: {row}")));
    if found.is_empty() && shown != rows {
        found.push(format!("{PAGE} has the rows in another order, or twice"));
    }
    found
}

#[test]
fn the_page_shows_every_metric_as_the_code_has_it() {
    assert_none(&differences(&tree::read(PAGE), METRICS));
}

#[test]
fn a_row_that_is_missing_wrong_or_twice_is_found() {
    let first = METRICS.first().expect("there are metrics");
    let other = Metric { kind: Kind::Gauge, ..*first };
    let page = format!("# A page\n\n{}\n", row(first));
    assert_none(&differences(&page, &[*first]));
    assert_eq!(differences("# A page\n", &[*first]).len(), 1, "missing");
    assert_eq!(differences(&page, &[]).len(), 1, "too much");
    assert_eq!(differences(&page, &[other]).len(), 2, "wrong");
    assert_eq!(differences(&format!("{page}{}\n", row(first)), &[*first]).len(), 1, "twice");
}
