//! [`parse`].

use crate::{FailureKind, check};
use clap::Parser;
use clap::error::Error;
use std::ffi::OsString;

/// The arguments of the process, as [`Parser::parse`] gives them. It ends the process where they make no sense, with one
/// difference: a `check` that cannot be understood is UNKNOWN to monitoring, 3, where 2 would be critical.
pub fn parse<A: Parser>() -> A {
    let line: Vec<_> = std::env::args_os().collect();
    A::try_parse_from(&line).unwrap_or_else(|error| refuse::<A>(line, &error))
}

fn refuse<A: Parser>(line: Vec<OsString>, error: &Error) -> ! {
    if !error.use_stderr() || !is_check(A::command(), line) {
        error.exit();
    }
    check::tell_refusal(&sentence(error));
    // Where stderr is closed, the line above says it.
    let _ = error.print();
    std::process::exit(i32::from(FailureKind::Unknown.code()))
}

/// Whether a line that makes no sense asks for a check.
fn is_check(program: clap::Command, line: Vec<OsString>) -> bool {
    let matches = program.ignore_errors(true).try_get_matches_from(line);
    matches.is_ok_and(|matches| matches.subcommand_name() == Some("check"))
}

/// What is wrong, in one line.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let text = lines.collect::<Vec<_>>().join(" ");
    text.strip_prefix("error: ").unwrap_or(&text).to_owned()
}
