//! Programs of different versions, and several at once, on one schema.

use super::scene::{Scene, appended, connect, log, number, run, unusable};
use futures::future::join_all;

const TABLES: &str = "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_35_eight_programs_that_open_an_empty_database_make_one_schema() {
    let Some(scene) = Scene::empty().await else { return };
    let opened = (0..8).map(|_| tokio::spawn(scene.options().open()));
    let stores: Vec<_> =
        join_all(opened).await.into_iter().map(|outcome| outcome.unwrap().unwrap()).collect();
    assert!(stores.iter().all(|store| store.store_id() == stores[0].store_id()));
    for (number, store) in stores.iter().enumerate() {
        appended(store, &format!("s-{number}"), 1).await;
    }
    assert_eq!(log(&stores[3]).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    let status = scene.options().migration_status().await.unwrap();
    assert!(!status.is_empty() && status.iter().all(|migration| migration.applied));
    let rows = number(&mut scene.connect().await, "SELECT count(*) FROM es._migrations").await;
    assert_eq!(rows, status.len() as i64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_36_an_older_program_refuses_a_newer_schema() {
    let Some(scene) = Scene::new().await else { return };
    let sql = "INSERT INTO es._migrations (version, description, success, checksum, execution_time)
        VALUES (999, 'from the future', true, '\\x00', 0)";
    run(&mut scene.connect().await, sql).await;
    for options in [scene.options(), scene.options().without_migrations()] {
        let reason = unusable(options.open().await);
        assert!(reason.contains("migration 999") && reason.contains("newer program"), "{reason}");
    }
    run(&mut scene.connect().await, "DELETE FROM es._migrations WHERE version = 999").await;
    scene.store().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_36_a_migration_that_was_changed_after_it_was_run_is_refused_when_migrating() {
    let Some(scene) = Scene::new().await else { return };
    run(&mut scene.connect().await, "UPDATE es._migrations SET checksum = '\\x00'").await;
    let reason = unusable(scene.options().migrate().await);
    assert!(reason.contains("migration 1"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_36_without_migrations_an_empty_database_is_refused_and_stays_empty() {
    let Some(scene) = Scene::empty().await else { return };
    let reason = unusable(scene.options().without_migrations().open().await);
    assert!(reason.contains("lacks migration 1"), "{reason}");
    assert_eq!(number(&mut scene.connect().await, &format!("{TABLES}'es'")).await, 0);
    let status = scene.options().migration_status().await.unwrap();
    assert!(status.iter().all(|migration| !migration.applied));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_36_the_printed_migrations_make_a_schema_that_is_accepted() {
    let Some(scene) = Scene::empty().await else { return };
    for schema in ["es", "bank_events"] {
        let options = scene.options().schema(schema);
        run(&mut scene.connect().await, &options.migrations_sql().unwrap()).await;
        assert!(options.migration_status().await.unwrap().iter().all(|migration| migration.applied));
        for options in [options.clone().without_migrations(), options.clone()] {
            let store = options.open().await.unwrap();
            appended(&store, "a", 1).await;
        }
        options.migrate().await.unwrap();
    }
    // The same objects as those that are made by opening.
    let opened = Scene::new().await.unwrap();
    let (mut here, mut there) = (scene.connect().await, connect(opened.url()).await);
    let tables = number(&mut here, &format!("{TABLES}'es'")).await;
    assert_eq!(tables, number(&mut there, &format!("{TABLES}'es'")).await);
    assert_eq!(tables, number(&mut here, &format!("{TABLES}'bank_events'")).await);
}
