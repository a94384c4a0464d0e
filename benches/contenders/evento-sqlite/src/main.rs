//! evento on a SQLite file, see the library of `contender-evento`.

use contender_evento::{Evento, Sqlite};
use std::process::ExitCode;

fn main() -> ExitCode {
    contender::main::<Evento<Sqlite>>()
}
