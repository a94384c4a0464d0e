//! The files of the repository that are written by people.

use super::metadata;
use super::source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the tests are a member of the workspace").to_path_buf()
}

/// A file of the repository, by its path from the root.
pub fn read(path: &str) -> String {
    let full = root().join(path);
    fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", full.display()))
}

/// Every Rust file of every member. UI cases are left out: they hold mistakes on purpose.
pub fn sources() -> Vec<Source> {
    let folders = metadata::members().into_iter().map(|member| member.folder);
    // A set, because one member may lie inside another: `tests/server`.
    let paths: BTreeSet<PathBuf> = folders.flat_map(|folder| files(&folder, "rs")).collect();
    assert!(paths.len() > 10, "the walk found only {paths:?}");
    paths.iter().map(|path| relative(path)).map(|path| Source::parse(&path, &read(&path))).collect()
}

/// Every Markdown page, as path and text.
pub fn pages() -> Vec<(String, String)> {
    let paths = files(&root(), "md");
    assert!(!paths.is_empty(), "the walk found no page");
    paths.iter().map(|path| relative(path)).map(|path| (path.clone(), read(&path))).collect()
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("every member lies inside the workspace");
    path.to_string_lossy().replace('\\', "/")
}

/// The files below `folder` with this ending, sorted.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let (folders, paths): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let wanted = paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == ending));
    wanted
        .chain(folders.iter().filter(|path| holds_source(path)).flat_map(|path| files(path, ending)))
        .collect()
}

fn holds_source(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    !(name == "target" || name == "ui" || name.starts_with('.'))
}
