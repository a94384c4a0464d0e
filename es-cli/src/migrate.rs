//! `migrate`: the schema of a store on PostgreSQL.

use crate::output::{Align, Console, Table};
use crate::text::json_line;
use crate::{Failure, StoreUrl};
use es_postgres::MigrationStatus;
use serde::Serialize;
use std::io::{BufWriter, Write};

/// What can be done with the schema of a store on PostgreSQL.
#[derive(Debug, Clone, clap::Subcommand)]
// These docs are for the application's author: they are no help for its users.
#[command(about = None, long_about = None)]
pub enum MigrateCommand {
    /// Bring the schema up to date
    Up,
    /// Show which migrations were run
    Status(StatusArgs),
    /// Print the migrations as SQL, for somebody who runs them by hand
    Sql(SqlArgs),
}

/// How to show the migrations.
#[derive(Debug, Clone, clap::Args)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What SQL to print.
#[derive(Debug, Clone, clap::Args)]
pub struct SqlArgs {
    /// Print roles for who writes, who projects and who reads instead, each with no more rights than it needs
    #[arg(long)]
    roles: bool,
}

/// Carries out `command` on the store that `url` names: data to stdout, notes to stderr.
///
/// # Errors
/// [`Failure`]: what to tell the person who asked; of usage where the store is not on PostgreSQL.
pub async fn migrate(url: &StoreUrl, command: MigrateCommand) -> Result<(), Failure> {
    let mut out = BufWriter::new(anstream::stdout());
    let mut err = anstream::stderr();
    migrate_to(url, command, &mut out, &mut err).await
}

/// The same to `out` and `err`, as to files.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_to(
    url: &StoreUrl,
    command: MigrateCommand,
    out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> Result<(), Failure> {
    let mut console = Console::on_file(out, err);
    let done = carry_out(url, command, &mut console).await;
    match done.and(console.flush()) {
        // Whoever reads has seen enough, as `head` has.
        Err(failure) if failure.is_closed_pipe() => Ok(()),
        outcome => outcome,
    }
}

async fn carry_out(
    url: &StoreUrl,
    command: MigrateCommand,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let options = url.postgres()?;
    match command {
        MigrateCommand::Up => {
            options.migrate().await?;
            console.note(format!("the schema of {url} is up to date"));
            Ok(())
        }
        MigrateCommand::Status(args) => show(&options.migration_status().await?, &args, console),
        MigrateCommand::Sql(args) if args.roles => console.line(options.roles_sql()?.trim_end()),
        MigrateCommand::Sql(_) => console.line(options.migrations_sql()?.trim_end()),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    number: i64,
    name: &'a str,
    applied: bool,
}

fn show(migrations: &[MigrationStatus], args: &StatusArgs, console: &mut Console<'_>) -> Result<(), Failure> {
    if args.json {
        let shown = |of: &MigrationStatus| {
            serde_json::to_value(Shown { number: of.number, name: &of.name, applied: of.applied })
        };
        let all = migrations.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
        return console.line(json_line(&serde_json::to_string(&all)?));
    }
    let mut table = Table::new(&[("number", Align::Right), ("name", Align::Left), ("applied", Align::Left)]);
    let row = |of: &MigrationStatus| {
        vec![of.number.to_string(), of.name.clone(), if of.applied { "yes" } else { "no" }.to_owned()]
    };
    let rows: Vec<_> = migrations.iter().map(row).collect();
    table.fit(&rows);
    console.line(table.header())?;
    for row in &rows {
        console.line(table.row(row.iter().map(String::as_str)))?;
    }
    Ok(())
}
