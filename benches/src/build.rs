//! Builds the programs that take part, and no others.

use crate::case::Case;
use crate::entrant::{Program, Role};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each program is that could be built.
pub(crate) struct Programs(BTreeMap<&'static str, PathBuf>);

impl Programs {
    pub(crate) fn path(&self, program: &Program) -> Option<&Path> {
        self.0.get(program.binary).map(PathBuf::as_path)
    }
}

/// Builds what the cases need. A peer that cannot be built here takes no part.
pub(crate) fn all(cases: &[Case]) -> Result<Programs> {
    let entrants = cases.iter().flat_map(|case| &case.entries).map(|entry| &entry.entrant);
    let programs: BTreeMap<_, _> =
        entrants.map(|entrant| (entrant.program.binary, entrant.program)).collect();
    let mut paths = BTreeMap::new();
    for (binary, program) in programs {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(program.workspace);
        // One by one: who else takes part would change the features of what they share, and build it anew.
        match build(&folder, program.package) {
            Ok(target) => {
                paths.insert(binary, target.join(format!("{binary}{}", std::env::consts::EXE_SUFFIX)));
            }
            Err(error) if program.role == Role::Peer => eprintln!("without {}: {error:#}", program.name),
            Err(error) => return Err(error),
        }
    }
    Ok(Programs(paths))
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
