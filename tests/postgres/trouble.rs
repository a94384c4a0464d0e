//! Errors that come and go: the store tries again within limits, or says that it is worth trying again.

use super::scene::{
    Scene, Transaction, append, appended, assert_unavailable, connect, log, number, pid, reaches, run,
    stream, url_of, waits_for_a_lock,
};
use es_core::{AppendError, EventStore, StreamRange};
use std::time::Duration;

/// Refuses the first `{times}` statements that insert events. A sequence is not rolled back.
const REFUSE: &str = "
CREATE SEQUENCE public.refusals;
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('public.refusals') <= {times} THEN
        RAISE EXCEPTION 'refused by the test' USING ERRCODE = '{code}';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER refuse AFTER INSERT ON es.events FOR EACH STATEMENT EXECUTE FUNCTION public.refuse();";

pub async fn refuse(scene: &Scene, code: &str, times: u64) {
    let sql = REFUSE.replace("{code}", code).replace("{times}", &times.to_string());
    run(&mut scene.connect().await, &sql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_32_a_read_only_server_is_a_passing_trouble() {
    let Some(scene) = Scene::new().await else { return };
    let elsewhere = url_of(scene.url(), "postgres");
    let alter = async |setting: &str| {
        let sql = format!("ALTER DATABASE {} {setting}", scene.name());
        run(&mut connect(&elsewhere).await, &sql).await;
    };
    alter("SET default_transaction_read_only = on").await;
    let store = scene.store().await;
    for _ in 0..3 {
        assert_unavailable(&store.append(append("a", 1)).await);
    }
    assert_eq!(log(&store).await, [0; 0], "it can be read");
    alter("RESET default_transaction_read_only").await;
    appended(&store, "a", 1).await;
    assert_eq!(log(&store).await.len(), 1, "nothing of what was refused is there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_33_a_collision_that_passes_is_tried_again_unseen() {
    for code in ["40001", "40P01", "23505"] {
        let Some(scene) = Scene::new().await else { return };
        refuse(&scene, code, 5).await;
        let store = scene.store().await;
        let answer = appended(&store, "a", 2).await;
        assert!(!answer.repeated);
        assert_eq!(log(&store).await.len(), 2, "{code}: once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_33_a_collision_without_an_end_is_told_after_a_number_of_tries() {
    let Some(scene) = Scene::new().await else { return };
    refuse(&scene, "40001", 1_000_000).await;
    let store = scene.store().await;
    assert_unavailable(&store.append(append("a", 1)).await);
    let tries = number(&mut scene.connect().await, "SELECT last_value FROM public.refusals").await;
    assert!((2..=1_000).contains(&tries), "{tries} tries");
    run(&mut scene.connect().await, "DROP TRIGGER refuse ON es.events").await;
    appended(&store, "a", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_33_the_victim_of_a_deadlock_tries_again_and_succeeds() {
    let Some(scene) = Scene::new().await else { return };
    let long = Duration::from_secs(600);
    let store = scene.options().lock_timeout(long).statement_timeout(long).open().await.unwrap();
    let mut watch = scene.connect().await;
    let mut other = Transaction::begin(scene.url(), &store).await;
    // So that the store's connection looks for a deadlock first, and is the victim.
    other.run("SET LOCAL deadlock_timeout = '10min'").await;
    let other_pid = pid(&mut other.connection).await;
    other.append("b").await;
    let both = tokio::spawn({
        let store = store.clone();
        async move { store.append_all(vec![append("a", 1), append("b", 1)]).await }
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'es-postgres'
        AND wait_event_type = 'Lock' AND datname = current_database()";
    reaches(&mut watch, "the store waits for stream b", waiting, 1).await;
    let second = tokio::spawn(async move {
        let outcome = other.try_append(vec![append("a", 1)]).await;
        (other, outcome)
    });
    waits_for_a_lock(&mut watch, other_pid).await;
    let (other, outcome) = second.await.unwrap();
    outcome.expect("the store gave way");
    other.commit().await;
    let answers = both.await.unwrap().expect("it was tried again");
    assert!(answers.iter().all(|answer| answer.version.value() == 2 && !answer.repeated));
    assert_eq!(log(&store).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_33_a_lock_that_is_not_given_in_time_is_told() {
    let Some(scene) = Scene::new().await else { return };
    let short = Duration::from_millis(50);
    let store = scene.options().lock_timeout(short).open().await.unwrap();
    let mut holder = scene.connect().await;
    run(&mut holder, "BEGIN; LOCK TABLE es.events IN ACCESS EXCLUSIVE MODE").await;
    assert_unavailable(&store.append(append("a", 1)).await);
    let read = store.read(&stream("a"), StreamRange::default()).await;
    assert!(read.as_ref().is_err_and(es_core::StoreError::is_transient), "{read:?}");
    run(&mut holder, "COMMIT").await;
    appended(&store, "a", 1).await;
    assert_eq!(log(&store).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_the_server_refuses_leaves_those_beside_it_alone() {
    let Some(scene) = Scene::new().await else { return };
    let sql = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused by the test'; END; $$;
        CREATE TRIGGER refuse BEFORE INSERT ON es.events FOR EACH ROW WHEN (NEW.stream = 'account-bad')
        EXECUTE FUNCTION public.refuse()";
    run(&mut scene.connect().await, sql).await;
    let store = scene.options().lanes(1).open().await.unwrap();
    let keys = ["a", "bad", "b", "c"];
    let outcomes = futures::future::join_all(keys.map(|key| store.append(append(key, 1)))).await;
    for (key, outcome) in keys.iter().zip(&outcomes) {
        assert_eq!(outcome.is_ok(), *key != "bad", "{key}: {outcome:?}");
    }
    assert!(matches!(&outcomes[1], Err(AppendError::Store(_))));
    assert_eq!(log(&store).await.len(), 3);
}
