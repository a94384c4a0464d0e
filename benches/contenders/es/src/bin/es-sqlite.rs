//! This framework on SQLite.

use contender_es::Es;
use es_sqlite::SqliteStore;
use std::process::ExitCode;

fn main() -> ExitCode {
    contender::main::<Es<SqliteStore>>()
}
