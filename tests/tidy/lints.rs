//! Every member takes the lints of the workspace, and these forbid unsafe code.

use super::{assert_none, metadata, tree};
use std::fs;

/// Whether `[section]` of a manifest holds exactly this line.
fn holds(manifest: &str, section: &str, line: &str) -> bool {
    let lines = manifest.lines().map(str::trim).skip_while(|found| *found != section);
    lines.skip(1).take_while(|found| !found.starts_with('[')).any(|found| found == line)
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    let members = metadata::members();
    let without = members.iter().filter(|member| {
        let path = member.folder.join("Cargo.toml");
        let manifest =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        !holds(&manifest, "[lints]", "workspace = true")
    });
    assert_none(
        &without.map(|member| format!("{}: no `[lints] workspace = true`", member.name)).collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_code_is_forbidden() {
    assert!(holds(&tree::read("Cargo.toml"), "[workspace.lints.rust]", "unsafe_code = \"forbid\""));
}

#[test]
fn a_line_of_another_section_does_not_count() {
    let manifest =
        "[package]\nworkspace = true\n\n[lints]\n# workspace = true\n\n[dependencies]\nworkspace = true\n";
    assert!(!holds(manifest, "[lints]", "workspace = true"));
    assert!(!holds("", "[lints]", "workspace = true"));
    assert!(holds("[a]\n\n[lints]\n\nworkspace = true\n", "[lints]", "workspace = true"));
}
