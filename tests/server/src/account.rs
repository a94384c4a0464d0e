//! [`Account`].

use crate::process::run;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

/// Who runs PostgreSQL's programs, which refuse to be run by root.
#[derive(Debug, Clone, Copy)]
pub enum Account {
    /// Whoever runs the tests.
    Own,
    /// The tests are run by root: an account without rights.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Our own account, but instead of root `postgres` or else `nobody`.
    pub fn choose() -> Result<Self> {
        if !is_root()? {
            return Ok(Self::Own);
        }
        Self::named("postgres").or_else(|_| Self::named("nobody")).context(
            "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor a user `nobody`",
        )
    }

    fn named(name: &str) -> Result<Self> {
        Ok(Self::Other { user: id(&["-u", name])?, group: id(&["-g", name])? })
    }

    /// Has the command run by this account.
    #[cfg(unix)]
    pub fn runs<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        use std::os::unix::process::CommandExt;
        match *self {
            Self::Own => command,
            Self::Other { user, group } => command.uid(user).gid(group),
        }
    }

    /// Gives this account a file or a folder.
    #[cfg(unix)]
    pub fn owns(&self, path: &Path) -> Result<()> {
        match *self {
            Self::Own => Ok(()),
            Self::Other { user, group } => std::os::unix::fs::chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give {} to user {user}", path.display())),
        }
    }

    /// Has the command run by this account.
    #[cfg(not(unix))]
    pub fn runs<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
    }

    /// Gives this account a file or a folder.
    #[cfg(not(unix))]
    pub fn owns(&self, _: &Path) -> Result<()> {
        Ok(())
    }
}

/// Whether root runs this.
pub fn is_root() -> Result<bool> {
    Ok(id(&["-u"])? == 0)
}

fn id(arguments: &[&str]) -> Result<u32> {
    let said = run(Command::new("id").args(arguments))?;
    said.trim().parse().with_context(|| format!("`id` said `{}`, expected a number", said.trim()))
}
