//! Builds the programs that take part, and no others.

use crate::case::Case;
use crate::entrant::Program;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each program is.
pub(crate) struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    pub(crate) fn path(&self, program: &Program) -> &Path {
        &self.0[program.binary]
    }
}

/// Builds what the cases need.
pub(crate) fn all(cases: &[Case]) -> Result<Programs> {
    let mut workspaces = BTreeMap::<&str, BTreeSet<&str>>::new();
    let mut paths = BTreeMap::new();
    for entry in cases.iter().flat_map(|case| &case.entries) {
        let program = entry.entrant.program;
        workspaces.entry(program.workspace).or_default().insert(program.package);
        paths.insert(program.binary, program.workspace);
    }
    let mut targets = BTreeMap::new();
    for (workspace, packages) in workspaces {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(workspace);
        // One by one: who else takes part would change the features of what they share, and build it anew.
        for package in packages {
            targets.insert(workspace, build(&folder, package)?);
        }
    }
    let program = |(binary, workspace): (&'static str, &str)| {
        (binary, targets[workspace].join(format!("{binary}{}", std::env::consts::EXE_SUFFIX)))
    };
    Ok(Programs(paths.into_iter().map(program).collect()))
}

/// Gives the folder of the programs.
fn build(folder: &Path, package: &str) -> Result<PathBuf> {
    eprintln!("building {package}");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args(["build", "--release", "--locked", "--manifest-path"]).arg(folder.join("Cargo.toml"));
    command.args(["--quiet", "--package", package]);
    if !command.status().context("cannot run cargo")?.success() {
        bail!("`{package}` cannot be built");
    }
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => folder.join("target"),
    };
    Ok(target.join("release"))
}
