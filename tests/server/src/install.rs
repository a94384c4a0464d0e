//! Installing PostgreSQL where a package manager can do it without a question.

use crate::account::is_root;
use crate::process::run;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The package would start a server for everybody; ours is private. A person's own choice is kept.
const NO_SERVER_FOR_ALL: &str = "\
mkdir -p /etc/postgresql-common
test -e /etc/postgresql-common/createcluster.conf ||
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf";

const INSTALL: &str =
    "DEBIAN_FRONTEND=noninteractive apt-get install -y -o Dpkg::Options::=--force-confold postgresql";

/// Installs the package of Debian and its like.
///
/// # Errors
/// When this is no such system, or we may not install.
pub fn with_apt() -> Result<()> {
    run(Command::new("apt-get").arg("--version")).context("there is no `apt-get` to install it with")?;
    let is_root = is_root()?;
    if !is_root && run(Command::new("sudo").args(["-n", "true"])).is_err() {
        bail!("installing it takes root or `sudo` without a password");
    }
    eprintln!("!!! PostgreSQL is not installed; installing the package `postgresql` with apt-get");
    shell(is_root, NO_SERVER_FOR_ALL)?;
    // The list of packages may be missing or stale: only then is it fetched, which takes long.
    if shell(is_root, INSTALL).is_err() {
        shell(is_root, "apt-get update")?;
        shell(is_root, INSTALL)?;
    }
    Ok(())
}

fn shell(is_root: bool, script: &str) -> Result<String> {
    let words: &[&str] = if is_root { &["sh", "-c"] } else { &["sudo", "-n", "sh", "-c"] };
    run(Command::new(words[0]).args(&words[1..]).arg(script))
}
