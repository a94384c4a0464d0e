//! What an expression of PromQL asks for, as far as names and labels go: whether it is valid is for Prometheus to say.

use es_core::metrics::{Kind, METRICS, Metric};
use std::collections::BTreeSet;
use std::ops::Range;

/// The labels that Prometheus gives to all that it fetches.
const OF_THE_TARGET: [&str; 2] = ["job", "instance"];
/// The label of a bucket.
const BOUND: &str = "le";
const BUCKET: &str = "_bucket";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

/// What one expression names.
#[derive(Debug, Default)]
pub struct Names {
    pub metrics: BTreeSet<&'static str>,
    /// The labels that an aggregation keeps.
    pub kept: BTreeSet<String>,
    /// What is not as the table of metrics has it.
    pub violations: Vec<String>,
}

impl Names {
    pub fn of(expression: &str) -> Self {
        let tokens = tokens(expression);
        let mut names = Self::default();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Word(word) if word.starts_with("es_") => names.series(word, &tokens[at + 1..]),
                Token::Word(word) if word == "by" => {
                    let (labels, end) = list(&tokens, at + 1);
                    let group = group(&tokens, end);
                    if group.is_empty() {
                        names.violations.push("`by (…)` stands before what is aggregated".into());
                    }
                    names.all_have(&labels, &tokens[group]);
                    names.kept.extend(labels.into_iter().filter(|label| label != BOUND));
                }
                Token::Word(word) if ["on", "ignoring", "without"].contains(&&**word) => {
                    let (labels, _) = list(&tokens, at + 1);
                    names.all_have(&labels, &tokens);
                }
                _ => (),
            }
        }
        if names.metrics.is_empty() {
            names.violations.push("no metric of ours is asked for".into());
        }
        names
    }

    fn series(&mut self, word: &str, rest: &[Token]) {
        let Some(metric) = metric(word) else {
            self.violations.push(format!("there is no `{word}`"));
            return;
        };
        self.metrics.insert(metric.name);
        for (label, values) in matchers(rest) {
            if !has(word, &label) {
                self.violations.push(format!("`{word}` has no label `{label}`"));
            }
            let label = metric.labels.iter().find(|known| known.name == label);
            let known = label.map_or(&[][..], |label| label.values);
            let unknown = values.split('|').find(|value| !known.is_empty() && !known.contains(value));
            self.violations.extend(unknown.map(|value| format!("`{word}` never has the value `{value}`")));
        }
    }

    fn all_have(&mut self, labels: &[String], tokens: &[Token]) {
        for token in tokens {
            let Token::Word(word) = token else { continue };
            let missing = labels.iter().filter(|label| metric(word).is_some() && !has(word, label));
            self.violations.extend(missing.map(|label| format!("`{word}` has no label `{label}`")));
        }
    }
}

/// The metric of a series: a histogram has three series, and none by its own name.
fn metric(series: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| match metric.kind {
        Kind::Histogram => {
            series.strip_prefix(metric.name).is_some_and(|part| [BUCKET, "_sum", "_count"].contains(&part))
        }
        Kind::Counter | Kind::Gauge => metric.name == series,
    })
}

fn has(series: &str, label: &str) -> bool {
    let own = metric(series).is_some_and(|metric| metric.labels.iter().any(|known| known.name == label));
    own || OF_THE_TARGET.contains(&label) || label == BOUND && series.ends_with(BUCKET)
}

/// Label and value of what stands in braces right behind a name.
fn matchers(rest: &[Token]) -> Vec<(String, String)> {
    if rest.first() != Some(&Token::Mark('{')) {
        return Vec::new();
    }
    let inside = rest.iter().take_while(|token| **token != Token::Mark('}'));
    let (mut label, mut found) = (String::new(), Vec::new());
    for token in inside {
        match token {
            Token::Word(word) => label.clone_from(word),
            Token::Text(value) => found.push((label.clone(), value.clone())),
            Token::Mark(_) => (),
        }
    }
    found
}

/// The words in the parentheses that begin at a token, and where what follows them begins.
fn list(tokens: &[Token], from: usize) -> (Vec<String>, usize) {
    let group = group(tokens, from);
    let words = tokens[group.clone()].iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    });
    (words.collect(), group.end)
}

/// What stands in parentheses that begin at a token, with them; nothing where none begin.
fn group(tokens: &[Token], from: usize) -> Range<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            return if at == from { from..from } else { from..at + 1 };
        }
    }
    from..from
}

/// Words, texts in quotes and single marks; numbers and durations are words that begin with a digit.
fn tokens(expression: &str) -> Vec<Token> {
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || "_.:".contains(letter);
    let mut found = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, end) = if first == '"' {
            let text = rest[1..].split('"').next().unwrap_or_default();
            (Token::Text(text.to_owned()), (text.len() + 2).min(rest.len()))
        } else if is_inner(first) {
            let end = rest.find(|letter| !is_inner(letter)).unwrap_or(rest.len());
            (Token::Word(rest[..end].to_owned()), end)
        } else {
            (Token::Mark(first), first.len_utf8())
        };
        found.push(token);
        rest = rest[end..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_has_is_right() {
        for expression in [
            r#"sum by (job, projection) (es_projection_owner{state="live", version=~"1|2"}) == 0"#,
            "histogram_quantile(0.99, sum by (le, category) (rate(es_append_seconds_bucket[5m])))",
            r#"rate(es_load_events_sum[5m]) / on (category, instance) rate(es_load_events_count{job="a"}[5m])"#,
            r#"es_commands_total{outcome=~"error|conflict"} and on (job) max by (store) (es_write_calls_sum)"#,
        ] {
            assert_eq!(Names::of(expression).violations, [""; 0], "{expression}");
        }
    }

    #[test]
    fn what_the_table_has_not_is_found() {
        for (expression, violation) in [
            ("es_projection_owners == 0", "there is no `es_projection_owners`"),
            ("es_append_seconds > 1", "there is no `es_append_seconds`"),
            ("es_commands_total_count", "there is no `es_commands_total_count`"),
            (r#"es_commands_total{stream="a"}"#, "`es_commands_total` has no label `stream`"),
            (r#"es_commands_total{outcome!~"done|lost"}"#, "`es_commands_total` never has the value `lost`"),
            (r#"es_append_seconds_sum{le="1"}"#, "`es_append_seconds_sum` has no label `le`"),
            ("sum by (store) (es_commands_total)", "`es_commands_total` has no label `store`"),
            ("sum by (le) (es_append_seconds_count)", "`es_append_seconds_count` has no label `le`"),
            ("sum(es_commands_total) by (category)", "`by (…)` stands before what is aggregated"),
            (
                "es_commands_total / on (outcome) es_command_retries_total",
                "`es_command_retries_total` has no label `outcome`",
            ),
            ("up == 0", "no metric of ours is asked for"),
        ] {
            let violations = Names::of(expression).violations;
            assert!(violations.iter().any(|found| found == violation), "{expression}: {violations:?}");
        }
    }

    #[test]
    fn metrics_and_kept_labels_are_told() {
        let names =
            Names::of("sum by (le, job, category) (rate(es_append_seconds_bucket[5m])) > es_write_calls_sum");
        assert_eq!(names.metrics.into_iter().collect::<Vec<_>>(), ["es_append_seconds", "es_write_calls"]);
        assert_eq!(names.kept.into_iter().collect::<Vec<_>>(), ["category", "job"]);
    }
}
