//! Builds that were left unfinished, and swaps that meet what they did not expect.

use super::accounts::*;
use super::in_table::{Balance, TABLE, with_table};
use es_core::{
    AnyProjector, Commit, CommitError, Comparison, EventStore, GenerationState, Grant, Lease, Projector,
    Shard, ViewWrite,
};
use es_postgres::{PostgresStore, in_table};
use std::time::Duration;
use uuid::Uuid;

async fn begun(projector: &AnyProjector) -> Grant {
    let duration = Duration::from_secs(60);
    let lease = Lease {
        owner: Uuid::now_v7(),
        duration,
        of: GenerationState::Building,
        shard: Shard::WHOLE,
        begin: None,
        takes_over: false,
    };
    projector.store().acquire(projector.projection(), lease).await.unwrap().unwrap()
}

async fn step(store: &PostgresStore, grant: &Grant) -> Commit {
    let view = r#"{"cents":1,"events":1,"last":null}"#.to_owned();
    let writes = vec![ViewWrite { key: "ada".into(), view: Some(view) }];
    Commit { grant: grant.clone(), to: store.head().await.unwrap(), writes, letters: Vec::new() }
}

#[tokio::test]
async fn a_build_whose_table_was_dropped_by_hand_can_be_begun_anew() {
    let Some((_database, store, mut stranger)) = with_table(TABLE).await else { return };
    let balances = in_table::<Balance>(&store, "balances").unwrap();
    deposits(&store, "ada", 2).await;
    balances.catch_up().await.unwrap();
    for by in ["a rebuild", "a check", "going on"] {
        let grant = begun(balances.any()).await;
        let commit = step(&store, &grant).await;
        balances.any().store().commit(commit).await.unwrap();
        run(&mut stranger, &format!("DROP TABLE balances__g{}", grant.generation.value())).await;
        balances.any().store().release(&grant, None).await.unwrap();
        deposits(&store, "ada", 1).await;
        match by {
            "going on" => assert!(unusable(balances.resume_rebuild().await).contains("rebuild it")),
            "a rebuild" => drop(balances.rebuild().await.unwrap()),
            _ => {
                let compared = balances.any().check(|_| ()).await.unwrap();
                assert!(matches!(compared, Comparison::Identical { compared: 1, .. }), "{compared:?}");
            }
        }
    }
    balances.rebuild().await.unwrap();
    assert_eq!(number(&mut stranger, "SELECT cents FROM balances").await, 6);
}

#[tokio::test]
async fn a_builder_whose_build_is_gone_is_fenced() {
    let Some((database, store, _)) = with_table(TABLE).await else { return };
    deposits(&store, "ada", 2).await;
    for discarded in [true, false] {
        let former = in_table::<Balance>(&store, "balances").unwrap();
        let grant = begun(former.any()).await;
        former.any().store().release(&grant, None).await.unwrap();

        let other = in_table::<Balance>(&open(&database).await, "balances").unwrap();
        let newer = begun(other.any()).await;
        assert_eq!(newer.generation, grant.generation);
        if discarded {
            other.any().store().discard(&newer).await.unwrap();
        } else {
            other.any().store().swap(&newer).await.unwrap();
        }

        let there = former.any().store();
        let loaded = there.load_views(grant.generation, &["ada".to_owned()]).await.unwrap();
        assert_eq!(loaded, [None]);
        assert_eq!(there.generation_views(grant.generation, None, 10).await.unwrap(), []);
        let outcome = there.commit(step(&store, &grant).await).await;
        assert!(matches!(outcome, Err(CommitError::Fenced { .. })), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_meets_the_first_live_generation_replaces_it() {
    for in_a_table in [true, false] {
        let Some((database, store, mut watch)) = with_table(TABLE).await else { return };
        let balances = match in_a_table {
            true => in_table::<Balance>(&store, "balances").unwrap(),
            false => Projector::<Balance>::new(store.clone()),
        };
        deposits(&store, "ada", 2).await;
        let mut first = stranger(&database).await;
        run(
            &mut first,
            "BEGIN; SELECT FROM es.acquire('balance', 1, 'live', 0, 1, gen_random_uuid(), '0 seconds', NULL, NULL, false)",
        )
        .await;
        let rebuilding = tokio::spawn({
            let balances = balances.clone();
            async move { balances.rebuild().await }
        });
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'es-postgres'
            AND datname = current_database() AND wait_event_type = 'Lock'";
        until(&mut watch, waits).await;
        run(&mut first, "COMMIT").await;
        rebuilding.await.unwrap().unwrap();
        assert_eq!(balances.get(&"ada".into()).await.unwrap().unwrap().cents, 3);
        assert!(generation(balances.any()).await.halt().is_none());
    }
}
