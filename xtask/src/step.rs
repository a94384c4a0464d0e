//! [`Step`].

use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

/// One cargo command with a heading.
#[derive(Debug)]
pub struct Step {
    pub name: &'static str,
    words: &'static str,
    variable: Option<(&'static str, &'static str)>,
}

impl Step {
    /// A step that runs `cargo` with `words`, split at spaces.
    pub const fn cargo(name: &'static str, words: &'static str) -> Self {
        Self { name, words, variable: None }
    }

    /// The same step with an environment variable set.
    pub const fn with(self, key: &'static str, value: &'static str) -> Self {
        Self { variable: Some((key, value)), ..self }
    }

    /// Runs the step and shows what it prints.
    pub fn run(&self, root: &Path) -> Result<()> {
        self.run_with(root, None, &[])
    }

    /// Runs the step with one more variable and more arguments.
    pub fn run_with(&self, root: &Path, variable: Option<(&str, String)>, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(root);
        command.envs(variable).args(arguments);
        let status = command.status().with_context(|| format!("cannot start `{self}`"))?;
        if !status.success() {
            bail!("{} failed ({status}); to see it again, run:\n\n    {self}\n", self.name);
        }
        Ok(())
    }

    /// Whether the step ends well; what it prints is thrown away.
    pub fn succeeds(&self, root: &Path) -> bool {
        let quiet = self.command(root).stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    }

    fn command(&self, root: &Path) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args(self.words.split(' ')).envs(self.variable).current_dir(root);
        command
    }
}

/// The line a person types to run the step alone.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((key, value)) = self.variable {
            write!(f, "{key}='{value}' ")?;
        }
        write!(f, "cargo {}", self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_prints_as_the_line_to_type() {
        let step = Step::cargo("documentation", "doc --no-deps").with("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(step.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_failed_step_says_how_to_see_it_again() {
        let step = Step::cargo("nonsense", "there-is-no-such-command");
        let error = step.run(Path::new(".")).unwrap_err();
        assert!(error.to_string().contains("cargo there-is-no-such-command"), "{error}");
        assert!(!step.succeeds(Path::new(".")));
    }
}
