//! Installing what tests need where a package manager can do it without a question.

use crate::account::is_root;
use crate::process::run;
use anyhow::{Context, Result, bail};
use std::process::Command;

/// The package would start a server for everybody; ours is private. A person's own choice is kept.
const NO_SERVER_FOR_ALL: &str = "\
mkdir -p /etc/postgresql-common
test -e /etc/postgresql-common/createcluster.conf ||
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf";

/// Keeps a person's configuration, and waits for the end of another installation.
const INSTALL: &str = "DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y \
     -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold";

/// Installs PostgreSQL, without the server that its package would start.
///
/// # Errors
/// As [`install_package`].
pub fn postgresql() -> Result<()> {
    prepare_and_install(NO_SERVER_FOR_ALL, "postgresql")
}

/// Installs a package of Debian and its like, alone. A service that it brings is not started where run levels count.
///
/// # Errors
/// When this is no such system, or we may not install.
pub fn install_package(name: &str) -> Result<()> {
    prepare_and_install("true", &format!("--no-install-recommends {name}"))
}

fn prepare_and_install(prepare: &str, what: &str) -> Result<()> {
    run(Command::new("apt-get").arg("--version")).context("there is no `apt-get` to install it with")?;
    let is_root = is_root()?;
    if !is_root && run(Command::new("sudo").args(["-n", "true"])).is_err() {
        bail!("installing it takes root or `sudo` without a password");
    }
    eprintln!("!!! what tests need is not installed: apt-get install {what}");
    shell(is_root, prepare)?;
    let install = format!("{INSTALL} {what}");
    // The list of packages may be missing or stale: only then is it fetched, which takes long.
    if shell(is_root, &install).is_err() {
        shell(is_root, "apt-get update")?;
        shell(is_root, &install)?;
    }
    Ok(())
}

fn shell(is_root: bool, script: &str) -> Result<String> {
    let words: &[&str] = if is_root { &["sh", "-c"] } else { &["sudo", "-n", "sh", "-c"] };
    run(Command::new(words[0]).args(&words[1..]).arg(script))
}
