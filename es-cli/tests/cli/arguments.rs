//! What can be written on the command line.

use crate::bank::{Args, Bank};
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use es_cli::{FailureKind, StoreUrl};
use es_core::EventStore;

fn parse(line: &str) -> Result<Args, ErrorKind> {
    Args::try_parse_from(line.split(' ')).map_err(|error| error.kind())
}

#[test]
fn the_arguments_are_sound() {
    Args::command().debug_assert();
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_opened() {
    let refusals = [
        ("bank replay", ErrorKind::MissingRequiredArgument),
        ("bank replay movements --all", ErrorKind::ArgumentConflict),
        ("bank state account-ada --at 1 --as-of 2026-01-31T12:00:00Z", ErrorKind::ArgumentConflict),
        ("bank state account-ada --as-of yesterday", ErrorKind::ValueValidation),
        ("bank streams show account-ada --limit 0", ErrorKind::ValueValidation),
        ("bank streams show", ErrorKind::MissingRequiredArgument),
        ("bank streams list --limit 0", ErrorKind::ValueValidation),
        ("bank events tail --from yesterday", ErrorKind::ValueValidation),
        ("bank events show 0", ErrorKind::ValueValidation),
        ("bank events grep", ErrorKind::MissingRequiredArgument),
        ("bank trace c-1", ErrorKind::ValueValidation),
        ("bank check lag --warn 1", ErrorKind::MissingRequiredArgument),
        ("bank completions cmd", ErrorKind::InvalidValue),
    ];
    for (line, expected) in refusals {
        assert_eq!(parse(line).err(), Some(expected), "{line}");
    }
}

#[tokio::test]
async fn the_store_is_named_before_or_behind_the_command() {
    for line in ["bank --store memory projections", "bank projections --store memory"] {
        let store = parse(line).unwrap().store.open_or("sqlite:never-made.db").await.unwrap();
        assert_eq!(store.head().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_file_is_opened_by_its_url() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bank.db");
    for prefix in ["sqlite:", "sqlite://"] {
        let url = format!("{prefix}{}", path.display());
        let store = StoreUrl::from(url).open().await.unwrap();
        assert_eq!(store.head().await.unwrap(), None);
        assert!(path.exists());
    }
    assert!(StoreUrl::from("sqlite::memory:").open().await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_store_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "This is no database at all, and long enough to see that at once.").unwrap();
    let failure = StoreUrl::from(format!("sqlite:{}", path.display())).open().await.err().unwrap();
    assert_eq!(failure.kind(), FailureKind::Failed);
    let expected = format!("error: the store `sqlite:{}` cannot be opened\ncaused by: ", path.display());
    assert!(failure.report().starts_with(&expected), "{}", failure.report());
}

#[tokio::test]
async fn an_unknown_url_names_what_is_supported_and_no_secret() {
    for url in [
        "mysql://ada:s3cret@db/bank",
        "ada:s3cret@db",
        "s3cret",
        "MEMORY:s3cret",
        "sqlite:bank.db?key=s3cret",
    ] {
        let args = Args::try_parse_from(["bank", "--store", url]).unwrap();
        let failure = args.store.open_or("memory").await.err().unwrap();
        assert_eq!(failure.kind(), FailureKind::Usage);
        let shown = format!("{} {failure:?} {failure} {args:?}", failure.report());
        assert!(!shown.contains("s3cret") && !shown.contains("ada"), "{shown}");
    }
    let failure = StoreUrl::from("mysql://ada:s3cret@db/bank").open().await.err().unwrap();
    assert_eq!(
        failure.report(),
        "error: the store URL `mysql:…` is of a kind that this program does not support\n\
         hint: this program supports: sqlite:PATH, sqlite::memory:, postgres://…, memory\n"
    );
}

#[tokio::test]
async fn cl_05_of_a_postgres_url_only_host_and_database_are_shown() {
    for (url, shown) in [
        ("postgres://ada:s3cret@localhost:1/bank", "postgres://localhost:1/bank"),
        ("postgresql://ada:s3@cret@localhost:1/bank?sslmode=disable", "postgres://localhost:1/bank"),
        ("postgres://localhost:1/bank?password=s3cret&user=ada", "postgres://localhost:1/bank"),
        ("postgres://localhost:1/bank?password=s3cret@x&user=ada", "postgres:…"),
        ("postgres://ada:s3?cret@localhost:1/bank", "postgres:…"),
        ("postgres://", "postgres://"),
    ] {
        let url = StoreUrl::from(url);
        let failure = url.open().await.err().unwrap();
        assert_eq!(url.to_string(), shown);
        let shown = format!("{} {failure:?} {failure} {url:?}", failure.report());
        assert!(!shown.contains("s3") && !shown.contains("cret") && !shown.contains("ada"), "{shown}");
    }
}

#[test]
fn help_says_where_the_store_comes_from_but_not_what_it_is() {
    let help = Args::command().render_long_help().to_string();
    let words: Vec<_> = help.split_whitespace().collect();
    let expected = "`memory`; .env is read too [env: ES_STORE_URL, DATABASE_URL]";
    assert!(words.join(" ").contains(expected), "{help}");
    assert!(!help.contains("ES_STORE_URL="), "{help}");
    assert!(help.starts_with("Keeps accounts\n\nUsage: "), "{help}");
}

#[test]
fn an_application_without_a_description_is_not_given_one() {
    #[derive(Parser)]
    struct Bare {
        #[command(flatten)]
        _store: es_cli::StoreArgs,
        #[command(subcommand)]
        _command: es_cli::Command,
    }
    let help = Bare::command().render_long_help().to_string();
    assert!(help.starts_with("Usage: "), "{help}");
    assert!(help.contains("Rebuild read models from the log"), "{help}");
}

#[tokio::test]
async fn what_is_carried_out_can_be_spawned() {
    let bank = Bank::new();
    let command = parse("bank projections --json").unwrap().command.unwrap();
    let app = bank.app.clone();
    let spawned = tokio::spawn(async move {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        es_cli::run_to(&app, command, &mut out, &mut err).await
    });
    assert!(spawned.await.unwrap().is_ok());
}
