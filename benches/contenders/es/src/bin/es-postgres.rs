//! This framework on PostgreSQL.

use contender_es::Es;
use es_postgres::PostgresStore;
use std::process::ExitCode;

fn main() -> ExitCode {
    contender::main::<Es<PostgresStore>>()
}
