//! [`completions`]: scripts by which a shell completes a command line.

use crate::output::Console;
use crate::{Command, CompletionsArgs, Failure, StoreArgs};
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::Path;

/// Writes the script for a shell to stdout, with everything that `program` takes. For an application that has arguments
/// of its own, of which [`Command::Completions`] cannot know:
///
/// ```no_run
/// # use clap::CommandFactory;
/// # #[derive(clap::Parser)]
/// # struct Args { #[command(subcommand)] command: es_cli::Command }
/// # fn print(args: &es_cli::CompletionsArgs) -> Result<(), es_cli::Failure> {
/// es_cli::completions(Args::command(), args)
/// # }
/// ```
///
/// # Errors
/// [`Failure`] when it cannot be written.
pub fn completions(program: clap::Command, args: &CompletionsArgs) -> Result<(), Failure> {
    let name = program.get_name().to_owned();
    let mut out = std::io::stdout();
    out.write_all(&script(program, &name, args))?;
    Ok(out.flush()?)
}

/// The same for an application that takes nothing but a store and these commands.
pub(crate) fn run(args: &CompletionsArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    let path = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let program = StoreArgs::augment_args(Command::augment_subcommands(clap::Command::new("application")));
    let script = script(program, &name, args);
    console.line(String::from_utf8_lossy(&script).trim_end())
}

fn script(mut program: clap::Command, name: &str, args: &CompletionsArgs) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    script
}
