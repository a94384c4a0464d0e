//! Migrations that are cut short at every statement.

use super::scene::{Scene, appended, connect, log, number, run};
use sqlx::PgConnection;
use tests::wait;

/// Stops the session at its `{at}`th statement that defines something. A sequence is not rolled back.
const STOP: &str = "
CREATE SEQUENCE public.statements;
CREATE FUNCTION public.stop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.statements') = (SELECT at FROM public.stops) THEN
        IF (SELECT by_end FROM public.stops) THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        ELSE
            RAISE EXCEPTION 'stopped by the test';
        END IF;
    END IF;
END;
$$;
CREATE TABLE public.stops (at bigint NOT NULL, by_end boolean NOT NULL);
CREATE EVENT TRIGGER stop ON ddl_command_end EXECUTE FUNCTION public.stop();";

const SCHEMAS: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = 'es'";

async fn stop_at(connection: &mut PgConnection, at: u64, by_end: bool) {
    let sql = format!(
        "DELETE FROM public.stops; INSERT INTO public.stops VALUES ({at}, {by_end});
        SELECT setval('public.statements', 1, false)"
    );
    run(connection, &sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_35_migrations_that_are_stopped_at_any_statement_leave_nothing_and_can_be_run_again() {
    let Some(scene) = Scene::empty().await else { return };
    let mut connection = scene.connect().await;
    run(&mut connection, STOP).await;
    let mut stopped = 0;
    for at in 1.. {
        // An error of a statement, and in turn the end of the server's process.
        stop_at(&mut connection, at, at % 2 == 0).await;
        let outcome = scene.options().migrate().await;
        if outcome.is_ok() {
            break;
        }
        assert_eq!(number(&mut connection, SCHEMAS).await, 0, "stopped at statement {at}: all or nothing");
        stopped += 1;
    }
    assert!(stopped > 20, "only {stopped} statements were reached");
    let store = scene.store().await;
    appended(&store, "a", 1).await;
    assert_eq!(log(&store).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_35_of_two_programs_one_goes_on_when_the_one_that_migrates_is_killed() {
    let Some(scene) = Scene::empty().await else { return };
    let mut connection = connect(scene.url()).await;
    run(&mut connection, STOP).await;
    for round in 0..5 {
        stop_at(&mut connection, 3 + round, true).await;
        let options = scene.options();
        let (one, two) = tokio::join!(options.migrate(), options.migrate());
        let well = [&one, &two].iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(well, 1, "{one:?} {two:?}");
        assert_eq!(number(&mut connection, SCHEMAS).await, 1);
        let store = scene.store().await;
        appended(&store, "a", 1).await;
        store.close().await.unwrap();
        stop_at(&mut connection, 0, false).await;
        let dropped = async { run(&mut connection, "DROP SCHEMA es CASCADE").await };
        wait::within("the schema is dropped", dropped).await;
    }
}
