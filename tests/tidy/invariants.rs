//! Every promise of ARCHITECTURE.md names the tests that hold it.
//!
//! A promise is a list item that begins with `- **Invariant 3.**` and ends with `Held by` and one or more function
//! names in backticks. Each must be the name of a function in a test module, a folder of tests or the conformance suite.

use super::source::Source;
use super::{assert_none, tokens, tree};
use std::collections::HashSet;

const INVARIANTS: usize = 13;
const START: &str = "- **Invariant ";

/// The list items of a page that begin as promises do, each as one line.
fn promises(page: &str) -> Vec<String> {
    let mut promises: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        if line.starts_with(START) {
            promises.push(line.to_owned());
            is_open = true;
        } else if is_open && line.starts_with("  ") && !line.trim().is_empty() {
            promises
                .iter_mut()
                .last()
                .into_iter()
                .for_each(|promise| *promise += &format!(" {}", line.trim()));
        } else {
            is_open = false;
        }
    }
    promises
}

/// What is wrong with the promise of this number.
fn problems(number: usize, promise: &str, functions: &HashSet<String>) -> Vec<String> {
    let title = format!("invariant {number}");
    if !promise.starts_with(&format!("{START}{number}.** ")) {
        return vec![format!("{title}: expected `{START}{number}.**`, found `{promise}`")];
    }
    let Some((_, tests)) = promise.rsplit_once("Held by ") else {
        return vec![format!("{title}: no `Held by`")];
    };
    let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
    if names.is_empty() {
        return vec![format!("{title}: names no test")];
    }
    let missing = names.into_iter().filter(|name| !functions.contains(*name));
    missing.map(|name| format!("{title}: there is no test `{name}`")).collect()
}

fn all_problems(page: &str, functions: &HashSet<String>) -> Vec<String> {
    let promises = promises(page);
    let mut found: Vec<String> = Vec::new();
    for (at, promise) in promises.iter().enumerate() {
        found.extend(problems(at + 1, promise, functions));
    }
    if promises.len() != INVARIANTS {
        found.push(format!("{} invariants, expected {INVARIANTS}", promises.len()));
    }
    // A promise that is written in another shape must not slip through unread.
    let mentions = page.lines().filter(|line| line.contains("**Invariant") && !line.starts_with(START));
    found.extend(mentions.map(|line| format!("no promise, yet it looks like one: `{line}`")));
    found
}

/// The names of the functions that may be tests; the suite's own are called by macros and carry no attribute.
fn tests_of(source: &Source) -> Vec<String> {
    let whole_file =
        source.is_test() || source.member() == "es-conformance" || source.path.ends_with("/tests.rs");
    let modules = source.test_modules();
    let is_inside = |line: usize| modules.iter().any(|lines| lines.contains(&line));
    let functions = tokens::functions(&source.tokens).into_iter();
    functions
        .filter(|function| whole_file || is_inside(function.line))
        .map(|function| function.name)
        .collect()
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let functions = tree::sources().iter().flat_map(tests_of).collect();
    assert_none(&all_problems(&tree::read("ARCHITECTURE.md"), &functions));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(held: &str) -> String {
        let lines =
            (1..=INVARIANTS).map(|number| format!("- **Invariant {number}.** Text\n  over lines. {held}\n"));
        format!("# A\n\n{}\n", lines.collect::<String>())
    }

    fn found(page: &str) -> Vec<String> {
        all_problems(page, &HashSet::from(["a_test".to_owned(), "another".to_owned()]))
    }

    #[test]
    fn only_a_function_among_tests_can_hold_a_promise() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n";
        assert_eq!(tests_of(&Source::parse("es-core/src/a.rs", text)), ["b"]);
        assert_eq!(tests_of(&Source::parse("es-conformance/src/a.rs", text)), ["a", "b"]);
        assert_eq!(tests_of(&Source::parse("es-core/src/a/tests.rs", "fn a() {}")), ["a"]);
    }

    #[test]
    fn a_promise_with_its_tests_is_right() {
        assert_none(&found(&page("Held by `a_test`,\n  `another`.")));
    }

    #[test]
    fn a_promise_without_a_test_is_found() {
        for held in ["", "Held by nothing.", "Held by `TBD`.", "Held by `a_test`, `gone`."] {
            assert_eq!(found(&page(held)).len(), INVARIANTS, "{held}");
        }
    }

    #[test]
    fn a_promise_that_is_missing_or_in_another_shape_is_found() {
        let page = page("Held by `a_test`.");
        assert!(!found(&page.replace("Invariant 13.", "Rule 13.")).is_empty());
        assert!(!found(&page.replace("- **Invariant 4.", "* **Invariant 4.")).is_empty());
        assert!(!found(&page.replace("Invariant 5.", "Invariant 6.")).is_empty());
    }
}
