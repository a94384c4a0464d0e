//! `migrate`, as far as it needs no server.

use es_cli::{FailureKind, MigrateCommand, StoreUrl};

#[derive(Debug, clap::Parser)]
struct Args {
    #[command(subcommand)]
    command: MigrateCommand,
}

async fn migrate(url: &str, line: &str) -> Result<String, es_cli::Failure> {
    let words = ["migrate"].into_iter().chain(line.split(' '));
    let command = <Args as clap::Parser>::parse_from(words).command;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    es_cli::migrate_to(&StoreUrl::from(url), command, &mut out, &mut err).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn migrations_are_printed_for_the_schema_without_a_server() {
    let es = migrate("postgres://nowhere.invalid/bank", "sql").await.unwrap();
    assert!(es.contains("CREATE TABLE es.events (") && es.ends_with("COMMIT;\n"), "{es}");
    let orders = migrate("postgres://nowhere.invalid/bank?schema=orders", "sql").await.unwrap();
    assert!(orders.contains("CREATE TABLE orders.events (") && !orders.contains(" es.events"), "{orders}");
}

#[tokio::test]
async fn roles_are_named_after_the_schema() {
    let roles = migrate("postgres://nowhere.invalid/bank?schema=orders", "sql --roles").await.unwrap();
    assert!(roles.contains("GRANT INSERT ON orders.events, orders.commands TO orders_writer;"), "{roles}");
    assert!(!roles.contains("es_writer"), "{roles}");
}

#[tokio::test]
async fn only_a_store_on_postgres_is_migrated() {
    for line in ["up", "status", "sql"] {
        let failure = migrate("sqlite:bank.db", line).await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Usage);
        assert!(
            failure.report().starts_with("error: the store `sqlite:bank.db` is not on PostgreSQL"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn se_02_a_hostile_schema_is_refused_before_anything_is_asked() {
    let failure = migrate("postgres://nowhere.invalid/bank?schema=es\";DROP", "sql").await.unwrap_err();
    assert!(failure.report().contains("a schema is named with lower case letters"), "{failure}");
}

#[tokio::test]
async fn who_cannot_be_reached_is_named_without_the_password() {
    let failure = migrate("postgres://ada:s3cret@127.0.0.1:1/bank", "up").await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreachable);
    assert!(failure.report().contains("the server cannot be reached"), "{failure}");
    assert!(!failure.report().contains("s3cret"), "{failure}");
}
