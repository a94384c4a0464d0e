//! Lines of code per crate: what a newcomer has to read, and how much of it is tests.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines that are neither blank nor comment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Lines {
    code: usize,
    tests: usize,
}

/// Prints one row per crate and a total.
pub fn print(root: &Path) -> Result<()> {
    let mut total = Lines::default();
    println!("{:<18}{:>8}{:>8}", "crate", "code", "tests");
    for folder in crates(root)? {
        let lines = count_all(root, &folder)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        println!("{name:<18}{:>8}{:>8}", lines.code, lines.tests);
        total.code += lines.code;
        total.tests += lines.tests;
    }
    println!("{:<18}{:>8}{:>8}", "total", total.code, total.tests);
    Ok(())
}

fn crates(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = entries(root)?;
    Ok(folders.into_iter().filter(|folder| folder.join("Cargo.toml").is_file()).collect())
}

fn count_all(root: &Path, folder: &Path) -> Result<Lines> {
    let mut sum = Lines::default();
    for path in entries(folder)? {
        let lines = if path.is_dir() {
            count_all(root, &path)?
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            count(&text, is_test(path.strip_prefix(root)?))
        } else {
            Lines::default()
        };
        sum.code += lines.code;
        sum.tests += lines.tests;
    }
    Ok(sum)
}

/// Whole files of tests: inside a `tests` folder or package, or named `tests.rs`.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// Counts roughly, by lines: a `#[cfg(test)]` at the margin opens the tests, the next `}` at the margin ends them.
fn count(text: &str, all_tests: bool) -> Lines {
    let mut lines = Lines::default();
    let mut in_tests = all_tests;
    for line in text.lines() {
        in_tests |= line == "#[cfg(test)]";
        if !line.trim().is_empty() && !line.trim_start().starts_with("//") {
            *(if in_tests { &mut lines.tests } else { &mut lines.code }) += 1;
        }
        in_tests &= all_tests || !(line == "}" || line.starts_with("mod ") && line.ends_with(';'));
    }
    lines
}

/// What a folder holds, sorted; build output and hidden files are not source.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "target" && !name.to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_do_not_count() {
        assert_eq!(count("//! A.\n\n/// B.\nfn b() {}\n", false), Lines { code: 1, tests: 0 });
    }

    #[test]
    fn a_test_module_ends_at_the_margin() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\nfn b() {}\n";
        assert_eq!(count(text, false), Lines { code: 2, tests: 4 });
    }

    #[test]
    fn a_test_module_in_its_own_file_is_one_declaration() {
        assert_eq!(count("#[cfg(test)]\nmod tests;\nfn b() {}\n", false), Lines { code: 1, tests: 2 });
    }

    #[test]
    fn a_file_of_tests_counts_as_tests() {
        assert_eq!(
            count("fn a() {}\n", is_test(Path::new("es-memory/tests/a.rs"))),
            Lines { code: 0, tests: 1 }
        );
    }
}
