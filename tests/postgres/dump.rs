//! Moving a store to another server with PostgreSQL's own tools.

use super::scene::{append, appended, connect, log, number, options, private_server, run};
use es_core::EventStore;
use std::process::Command;
use test_server::Settings;

fn execute(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_30_a_store_restored_into_a_younger_server_reads_all_and_goes_on_behind_it() {
    let Some(old) = private_server(Settings::new()) else { return };
    let old_url = old.url("postgres");
    let before = options(&old_url).open().await.unwrap();
    for key in ["a", "b", "a"] {
        appended(&before, key, 40).await;
        // Many transactions, so that the numbers of the younger server's are lower.
        run(&mut connect(&old_url).await, &"SELECT pg_current_xact_id();".repeat(20)).await;
    }
    let all = log(&before).await;
    let command = append("c", 3);
    before.append(command.clone()).await.unwrap();
    execute(old.command("pg_dump").args(["--format", "custom", "--file", "dump"]));
    let dump = old.data_folder().with_file_name("dump");

    let young = private_server(Settings::new()).unwrap();
    let dumped = young.data_folder().with_file_name("dump");
    std::fs::copy(dump, &dumped).unwrap();
    execute(young.command("pg_restore").args(["--dbname", "postgres", "--exit-on-error"]).arg(&dumped));
    let url = young.url("postgres");
    let mut connection = connect(&url).await;
    let xids = "SELECT pg_current_xact_id()::text::bigint";
    assert!(number(&mut connection, xids).await < number(&mut connect(&old_url).await, xids).await + 1_000);

    for options in [options(&url).without_migrations(), options(&url)] {
        let store = options.open().await.unwrap();
        assert_eq!(store.store_id(), before.store_id());
        let restored = log(&store).await;
        assert_eq!(restored[..all.len()], all, "the order of the log is restored");
        let repeated = store.append(command.clone()).await.unwrap();
        assert!(repeated.repeated, "what was appended there is known here");
        let next = appended(&store, "a", 1).await;
        assert!(next.position.value() > *restored.last().unwrap(), "the sequence goes on behind the log");
        assert_eq!(log(&store).await.len(), restored.len() + 1);
    }
    for change in ["UPDATE es.events SET name = 'x'", "TRUNCATE es.events"] {
        assert_eq!(super::scene::refused(&mut connection, change).await, "ES001", "{change}");
    }
}
