//! A batch whose code never comes back.

use super::accounts::*;
use es_core::{ProjectorError, Recorded, StoreError};
use es_postgres::{PgProjection, PostgresOptions, Tables, projector};
use sqlx::PgConnection;
use std::time::Duration;

/// Never comes back.
struct Endless;

impl PgProjection for Endless {
    const NAME: &'static str = "endless";
    const TABLES: &'static [&'static str] = &[];
    type Event = AccountEvent;

    fn create(_: &Tables) -> Vec<String> {
        Vec::new()
    }

    async fn apply(
        _: &[Recorded<AccountEvent>],
        _: &Tables,
        _: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_batch_that_never_ends_is_given_up_and_holds_no_connection() {
    let Some(database) = database().await else { return };
    let options = PostgresOptions::new(database.url()).unwrap().connections(1);
    let store = options.transaction_timeout(Duration::from_millis(200)).open().await.unwrap();
    deposits(&store, "ada", 1).await;
    for _ in 0..2 {
        let given_up = projector::<Endless>(&store).unwrap().catch_up().await;
        let Err(ProjectorError::Store { source: StoreError::Unavailable { reason, .. }, .. }) = given_up
        else {
            panic!("expected that it is given up, found {given_up:?}")
        };
        assert!(reason.contains("200ms"), "{reason}");
    }
    deposits(&store, "ada", 1).await;
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL
        AND pid <> pg_backend_pid()";
    until(&mut stranger(&database).await, &format!("SELECT (({open}) = 0)::int::bigint")).await;
}
