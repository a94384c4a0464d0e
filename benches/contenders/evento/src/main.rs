//! evento on PostgreSQL, see the library.

use contender_evento::{Evento, Postgres};
use std::process::ExitCode;

fn main() -> ExitCode {
    contender::main::<Evento<Postgres>>()
}
