//! The dashboard and the alerts of `ops/` ask for metrics and labels that there are, and the dashboard shows every metric.

use super::promql::Names;
use super::{assert_none, tree};
use ::tests::ops::{self, DASHBOARD, Question, RULES};
use es_core::metrics::METRICS;
use serde_json::Value;
use std::collections::BTreeSet;

/// What Grafana puts into expressions itself.
const BUILT_IN: &str = "__rate_interval";

/// Names and labels that are not in the table of metrics, and labels that are shown though the result has them not.
fn wrong(path: &str, questions: &[Question]) -> Vec<String> {
    let wrong = questions.iter().flat_map(|Question { place, expression, shown }| {
        let names = Names::of(expression);
        let lost = shown.iter().filter(|label| !names.kept.contains(*label));
        let lost: Vec<_> = lost.map(|label| format!("the result has no label `{label}`")).collect();
        let found = names.violations.into_iter().chain(lost);
        found.map(|found| format!("{path}, {place}: {found}")).collect::<Vec<_>>()
    });
    wrong.collect()
}

/// The metrics that no panel shows.
fn left_out(questions: &[Question]) -> Vec<String> {
    let shown: BTreeSet<_> =
        questions.iter().flat_map(|question| Names::of(&question.expression).metrics).collect();
    let missing = METRICS.iter().filter(|metric| !shown.contains(metric.name));
    missing.map(|metric| format!("{DASHBOARD} does not show {}", metric.name)).collect()
}

/// What makes an import go wrong: ids and places that occur twice, data from elsewhere, variables that nobody sets.
fn not_importable(json: &str) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(json).expect("a dashboard is JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (panels, variables) = (list(&dashboard["panels"]), list(&dashboard["templating"]["list"]));
    let names: Vec<_> = variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    for panel in &panels {
        let title = panel["title"].as_str().unwrap_or("a panel without a title");
        let place = &panel["gridPos"];
        let is_new =
            ids.insert(panel["id"].as_u64()) && places.insert((place["x"].as_u64(), place["y"].as_u64()));
        if !is_new {
            found.push(format!("{DASHBOARD}, {title}: its id or its place occurs twice"));
        }
        for target in list(&panel["targets"]) {
            let used = target["expr"].as_str().unwrap_or_default().split('$').skip(1);
            let used = used.map(|rest| rest.split(|c: char| c != '_' && !c.is_alphanumeric()).next());
            let unset = used.flatten().filter(|name| *name != BUILT_IN && !names.contains(name));
            found.extend(unset.map(|name| format!("{DASHBOARD}, {title}: nobody sets `${name}`")));
            if panel["datasource"]["uid"] != "${datasource}" || target["datasource"] != panel["datasource"] {
                found.push(format!("{DASHBOARD}, {title}: its data is not from `${{datasource}}`"));
            }
        }
    }
    found
}

#[test]
fn the_dashboard_asks_for_what_there_is_and_shows_all_of_it() {
    let questions = ops::of_dashboard(&tree::read(DASHBOARD));
    assert_none(&wrong(DASHBOARD, &questions));
    assert_none(&left_out(&questions));
}

#[test]
fn the_dashboard_can_be_imported() {
    assert_none(&not_importable(&tree::read(DASHBOARD)));
}

#[test]
fn the_alerts_ask_for_what_there_is() {
    let rules = tree::read(RULES);
    let questions = ops::of_rules(&rules);
    assert!(questions.len() > 5, "found only {questions:?}");
    assert_none(&wrong(RULES, &questions));
    for part in ["expr:", "severity:", "summary:", "description:"] {
        let parts = rules.lines().filter(|line| line.trim_start().starts_with(part)).count();
        assert_eq!(parts, questions.len(), "each alert has one `{part}`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(expression: &str, shown: &str) -> Question {
        Question { place: "A".into(), expression: expression.into(), shown: vec![shown.into()] }
    }

    #[test]
    fn a_wrong_name_and_a_label_that_is_gone_are_found() {
        let right = question("sum by (category) (es_commands_total)", "category");
        assert_none(&wrong("a", std::slice::from_ref(&right)));
        assert_eq!(
            wrong("a", &[right, question("sum(es_command_total)", "category")]),
            [
                "a, A: there is no `es_command_total`",
                "a, A: no metric of ours is asked for",
                "a, A: the result has no label `category`"
            ]
        );
    }

    #[test]
    fn a_metric_that_is_not_shown_is_found() {
        let all: Vec<_> = left_out(&[]);
        assert_eq!(all.len(), METRICS.len());
        let one = left_out(&[question("es_commands_total", "")]);
        assert_eq!(one.len(), METRICS.len() - 1);
    }

    #[test]
    fn what_makes_an_import_go_wrong_is_found() {
        let panel = |id: u8, x: u8, uid: &str, expr: &str| {
            let source = serde_json::json!({"uid": uid});
            serde_json::json!({
                "id": id, "title": "A", "gridPos": {"x": x, "y": 0}, "datasource": source,
                "targets": [{"datasource": source, "expr": expr}]
            })
        };
        let found = |second: Value| {
            let first = panel(1, 0, "${datasource}", "a{job=~\"$job\"}[$__rate_interval]");
            let variables = serde_json::json!({"list": [{"name": "job"}]});
            not_importable(
                &serde_json::json!({"templating": variables, "panels": [first, second]}).to_string(),
            )
        };
        assert_none(&found(panel(2, 8, "${datasource}", "a")));
        assert_eq!(found(panel(1, 8, "${datasource}", "a")).len(), 1, "its id");
        assert_eq!(found(panel(2, 0, "${datasource}", "a")).len(), 1, "its place");
        assert_eq!(found(panel(2, 8, "mine", "a")).len(), 1, "its data");
        assert_eq!(found(panel(2, 8, "${datasource}", "a{job=~\"$jobs\"}")).len(), 1, "a variable");
    }
}
