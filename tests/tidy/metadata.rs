//! What cargo knows about the workspace and everything it depends on.

use super::tree;
use serde_json::Value;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A package, of the workspace or not.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub folder: PathBuf,
    pub dependencies: Vec<Dependency>,
}

/// A line under `[dependencies]` or its siblings.
#[derive(Debug, Clone)]
pub struct Dependency {
    pub name: String,
    pub development: bool,
    pub optional: bool,
}

/// The packages this machine builds: offline, so that the test needs no network, and for the host alone, because the
/// packages of other systems may not have been fetched. `cargo deny check` looks at all systems.
static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = "metadata --format-version 1 --locked --offline --filter-platform host-tuple";
    let output = Command::new(cargo).args(words.split(' ')).current_dir(tree::root()).output();
    let output = output.expect("cargo runs, because it runs this test");
    assert!(output.status.success(), "cargo {words}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
});

/// The members of the workspace.
pub fn members() -> Vec<Package> {
    let ids = list(&METADATA, "workspace_members");
    let values = list(&METADATA, "packages").iter();
    values.filter(|package| ids.contains(&package["id"])).map(Package::parse).collect()
}

/// Every package of the lock file that this machine builds, members included.
pub fn packages() -> Vec<Package> {
    list(&METADATA, "packages").iter().map(Package::parse).collect()
}

impl Package {
    fn parse(package: &Value) -> Self {
        let manifest = PathBuf::from(text(package, "manifest_path"));
        Self {
            name: text(package, "name"),
            version: text(package, "version"),
            license: package["license"].as_str().map(str::to_owned),
            folder: manifest.parent().map(Path::to_path_buf).unwrap_or_default(),
            dependencies: list(package, "dependencies").iter().map(Dependency::parse).collect(),
        }
    }
}

impl Dependency {
    fn parse(dependency: &Value) -> Self {
        Self {
            name: text(dependency, "name"),
            development: dependency["kind"] == "dev",
            optional: dependency["optional"] == true,
        }
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in cargo's metadata")).to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("no list {key} in cargo's metadata"))
}

#[test]
fn every_folder_with_a_crate_is_a_member() {
    let members: Vec<PathBuf> = members().into_iter().map(|member| member.folder).collect();
    let entries = fs::read_dir(tree::root()).expect("the root is a folder");
    for folder in entries.map(|entry| entry.expect("a readable folder").path()) {
        // A workspace of its own, as for benchmarks, keeps its dependencies to itself.
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_else(|_| "[workspace]".into());
        let is_member = members.contains(&folder);
        assert!(is_member || manifest.contains("[workspace]"), "{} is no member", folder.display());
    }
    assert!(members.contains(&tree::root().join("es-core")), "es-core is not in {members:?}");
}
