//! The one entry for people and CI: `cargo xtask test` runs every check a change must pass.

mod checks;
mod database;
mod loc;
mod step;

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  test      every check, in order: format, lints, examples, postgres, tests, doc tests, documentation, dependencies
  fmt       format all code, also that of benches
  tidy      only the rules of tests/tidy.rs
  postgres  a private PostgreSQL server for `cargo test` in another terminal, until Ctrl-C
  torture   injects faults; its arguments follow
  loc       lines of code and of tests, per crate
  help      this page";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        // Printed here, because a returned error would add a backtrace of xtask, which is never what went wrong.
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root()?;
    match words.as_slice() {
        ["test"] => checks::run_all(&root),
        ["fmt"] => checks::FORMAT.iter().try_for_each(|step| step.run(&root)),
        ["tidy"] => checks::tidy().run(&root),
        ["postgres"] => checks::postgres().run(&root),
        ["torture", arguments @ ..] => checks::torture().run_with(&root, None, arguments),
        ["loc"] => loc::print(&root),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("there is no `cargo xtask {}`\n\n{HELP}", words.join(" ")),
    }
}

/// The root of the checkout. Cargo names this package's folder when it runs it, so a moved checkout is no problem.
fn root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    let root = Path::new(&package).parent().context("xtask is not inside a workspace")?;
    Ok(root.to_path_buf())
}
