//! The changelog has a place for what is not released yet, and its lines say what kind of change they are.

use super::{assert_none, tree};

const KINDS: [&str; 4] = ["breaking: ", "added: ", "changed: ", "fixed: "];

fn problems(changelog: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !changelog.lines().any(|line| line == "## Unreleased") {
        problems.push("no section `## Unreleased`".to_owned());
    }
    let entries = changelog.lines().filter_map(|line| line.strip_prefix("- "));
    let unclear = entries.filter(|entry| !KINDS.iter().any(|kind| entry.starts_with(kind)));
    problems.extend(unclear.map(|entry| format!("`{entry}` does not begin with one of {KINDS:?}")));
    problems
}

#[test]
fn the_changelog_has_an_unreleased_section() {
    assert_none(&problems(&tree::read("CHANGELOG.md")));
}

#[test]
fn a_missing_section_and_an_unclear_line_are_found() {
    assert_none(&problems("# Changelog\n\n## Unreleased\n\n- fixed: a thing\n"));
    assert_eq!(problems("# Changelog\n\n- fixed: a thing\n").len(), 1);
    assert_eq!(problems("## Unreleased\n\n- some thing\n").len(), 1);
}
