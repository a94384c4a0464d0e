//! [`Question`]: what the files of `ops/` ask Prometheus for.

use serde_json::Value;

/// The dashboard, by its path from the root.
pub const DASHBOARD: &str = "ops/grafana.json";
/// The alerts, by their path from the root.
pub const RULES: &str = "ops/prometheus-rules.yaml";

/// An expression, and what is written beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where it stands: the title of a panel or the name of an alert.
    pub place: String,
    /// What Prometheus is asked.
    pub expression: String,
    /// The labels whose values are shown: by a legend, a summary or a description.
    pub shown: Vec<String>,
}

/// The questions of a Grafana dashboard.
///
/// # Panics
/// When it is no JSON, or has no panels.
pub fn of_dashboard(json: &str) -> Vec<Question> {
    let dashboard: Value = serde_json::from_str(json).expect("a dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    let targets = panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (text(&panel["title"]), target))
    });
    let questions = targets.map(|(place, target)| Question {
        place,
        expression: text(&target["expr"]),
        shown: braces(&text(&target["legendFormat"])).map(str::to_owned).collect(),
    });
    questions.collect()
}

/// The questions of a file of rules, as far as its YAML is written as ours is: a field in a line, or folded with `>-`.
pub fn of_rules(yaml: &str) -> Vec<Question> {
    let alerts = yaml.split("- alert: ").skip(1);
    let questions = alerts.map(|alert| Question {
        place: alert.lines().next().unwrap_or_default().to_owned(),
        expression: field(alert, "expr"),
        shown: braces(alert).filter_map(|word| word.strip_prefix("$labels.")).map(str::to_owned).collect(),
    });
    questions.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What stands in double braces, without what is done with it: of `{{ $value | humanize }}` it is `$value`.
fn braces(text: &str) -> impl Iterator<Item = &str> {
    let inside = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
    inside.filter_map(|inside| inside.split_whitespace().next())
}

fn field(alert: &str, name: &str) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = alert.lines().skip_while(|line| !line.trim_start().starts_with(&format!("{name}: ")));
    let first = lines.next().unwrap_or_default();
    let value = first.trim_start().strip_prefix(name).map_or("", |rest| rest.trim_start_matches(':').trim());
    if value != ">-" {
        return value.to_owned();
    }
    let folded: Vec<_> = lines.take_while(|line| depth(line) > depth(first)).map(str::trim).collect();
    folded.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_of_a_dashboard_are_those_of_its_targets() {
        let json = r#"{"panels": [
            {"title": "Row"},
            {"title": "A", "targets": [{"expr": "sum by (b) (a)", "legendFormat": "{{b}} of {{c}}"}, {"expr": "d"}]}
        ]}"#;
        let question = |expression: &str, shown: &[&str]| Question {
            place: "A".into(),
            expression: expression.into(),
            shown: shown.iter().map(|label| (*label).to_owned()).collect(),
        };
        assert_eq!(of_dashboard(json), [question("sum by (b) (a)", &["b", "c"]), question("d", &[])]);
    }

    #[test]
    fn the_questions_of_rules_are_read_in_a_line_or_folded() {
        let yaml = "rules:\n  - alert: A\n    expr: a == 0\n    for: 1m\n  - alert: B\n    # A comment.\n    \
                    expr: >-\n      b\n      > 1\n    annotations:\n      \
                    summary: \"{{ $labels.c }} is {{ $value | humanize }}\"\n";
        let question = |place: &str, expression: &str, shown: &[&str]| Question {
            place: place.into(),
            expression: expression.into(),
            shown: shown.iter().map(|label| (*label).to_owned()).collect(),
        };
        assert_eq!(of_rules(yaml), [question("A", "a == 0", &[]), question("B", "b > 1", &["c"])]);
    }
}
