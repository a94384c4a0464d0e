//! Prints what was measured.

use crate::case::Case;
use crate::entrant::Role;
use crate::figures::{Figures, rate};
use crate::goals;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use contender::Latency;
use serde_json::json;

const COLUMNS: [&str; 11] = [
    "",
    "a second",
    "least … most",
    "of the limit",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "client µs",
    "server µs",
    "peak MiB",
    "errors",
];

/// A table of the case, and a line for each goal.
pub(crate) fn table(case: &Case, figures: &[Figures]) {
    let mut table = Table::new();
    *table.style_mut() = ASCII_MARKDOWN;
    table.set_header(COLUMNS);
    for index in 1..COLUMNS.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in figures {
        table.add_row(cells(row, limit(figures)));
    }
    println!("\n### {} ({})\n\n{table}\n", case.name, case.unit);
    for row in figures {
        if let Some(wrong) = &row.wrong {
            println!("- WRONG: {}: {wrong}", row.label);
        } else if let Some(error) = row.outcomes.iter().find_map(|(_, outcome)| outcome.error.as_ref()) {
            println!("- {}: {} errors, one of them: {error}", row.label, row.errors());
        }
    }
    for line in goals::lines(case, figures) {
        println!("- {line}");
    }
}

/// The entrant that the others are compared with: the limit, or else the first.
fn limit(figures: &[Figures]) -> Option<&Figures> {
    figures.iter().find(|figures| figures.role == Role::Limit).or(figures.first())
}

fn cells(row: &Figures, limit: Option<&Figures>) -> Vec<String> {
    let dash = || "–".to_owned();
    if let Some(wrong) = row.wrong.as_ref().map(|_| "wrong").or(row.unsupported.as_deref()) {
        let mut cells = vec![row.label.clone(), wrong.to_owned()];
        cells.resize(COLUMNS.len(), dash());
        return cells;
    }
    let per_unit = |seconds: f64, units: u64| Some(seconds * 1e6 / units.max(1) as f64);
    let latency = |at: fn(Latency) -> f64| {
        let median = row.median(|outcome| outcome.latency.map(|latency| at(latency) / 1_000.0));
        median.map_or_else(dash, |median| format!("{median:.2}"))
    };
    let rates = row.rates();
    let ratio = limit.and_then(|limit| row.ratio(limit, |outcome| Some(rate(outcome))));
    let cpu = |cpu: Option<f64>| cpu.map_or_else(dash, |cpu| format!("{cpu:.1}"));
    vec![
        row.label.clone(),
        rates.map_or_else(dash, |rates| grouped(rates.median)),
        rates.map_or_else(dash, |rates| format!("{} … {}", grouped(rates.min), grouped(rates.max))),
        ratio.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        latency(|latency| latency.p50),
        latency(|latency| latency.p99),
        latency(|latency| latency.p999),
        cpu(row.median(|outcome| per_unit(outcome.client_cpu, outcome.units))),
        cpu(row.median(|outcome| per_unit(outcome.server_cpu, outcome.units))),
        cpu(row.median(|outcome| Some(outcome.peak_kib as f64 / 1024.0))),
        row.errors().to_string(),
    ]
}

/// `12,345`.
fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A line of JSON for each entrant.
pub(crate) fn json(case: &Case, figures: &[Figures]) -> Result<()> {
    for row in figures {
        let rates =
            row.rates().map(|rates| json!({"median": rates.median, "min": rates.min, "max": rates.max}));
        let ratio = limit(figures).and_then(|limit| row.ratio(limit, |outcome| Some(rate(outcome))));
        let rounds: Vec<_> = row.outcomes.iter().map(|(_, outcome)| outcome).collect();
        let line = json!({
            "case": case.name, "unit": case.unit, "contender": row.label, "rate": rates, "of_the_limit": ratio,
            "wrong": row.wrong, "unsupported": row.unsupported, "rounds": rounds,
        });
        println!("{}", serde_json::to_string(&line)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let figures = [0.4, 12.0, 999.6, 12_345.0, 1_234_567.0];
        assert_eq!(figures.map(grouped), ["0", "12", "1,000", "12,345", "1,234,567"]);
    }
}
