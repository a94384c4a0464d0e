//! The store behind PgBouncer in transaction mode, with fewer server connections than writers.

use super::bouncer::{Bouncer, Program};
use super::reader::Reader;
use super::scene::{appended, connect, log, options, private_server};
use super::workload::run_beside;
use es_core::{App, EventStore, Recorded, StoreError};
use es_postgres::{PgProjection, Pooler, Tables, projector};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgConnection};
use std::str::FromStr;
use std::time::Duration;
use test_server::Settings;
use tests::shout;
use tests::tally::{self, Count, Tally};

const TRANSACTIONS: usize = 15;

/// Fewer than there are writers.
const POOL: u32 = 6;

/// ST-05 through the pooler, on a store that was opened, and migrated, through it.
async fn st_05_through(program: &Program, pooler: Pooler) {
    let Some(server) = private_server(Settings::new()) else { return };
    let bouncer = Bouncer::start(program, &server, POOL).await;
    let url = bouncer.url("postgres");
    let store = options(&url).pooler(pooler).open().await.unwrap();
    let other = options(&url).pooler(pooler).open().await.unwrap();
    appended(&other, "other", 1).await;
    let mut connections = PgConnectOptions::from_str(&url).unwrap().extra_float_digits(None);
    if pooler == Pooler::LegacyTransaction {
        connections = connections.statement_cache_capacity(0);
    }
    let direct = server.url("postgres");
    let readers = vec![Reader::store(&store), Reader::store(&other), Reader::naive(&direct).await];
    let (written, readers) = run_beside(&store, &connections, TRANSACTIONS, readers).await;
    let all = log(&store).await;
    assert_eq!(all[1..], written.positions, "what was committed is there, and nothing else");
    for reader in &readers[..2] {
        assert_eq!(reader.seen, all, "every event once, in order");
    }
    assert!(!readers[2].missed(&all).is_empty(), "the naive twin was not caught");
    assert_eq!(store.blockers().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_27_readers_behind_a_pooler_with_prepared_statements_miss_nothing() {
    if tests::database::server().is_none() {
        return;
    }
    let Some(program) = Program::find_or_install() else { return };
    if program.knows_prepared_statements() {
        st_05_through(&program, Pooler::Transaction).await;
    } else {
        let (major, minor) = program.version;
        shout(&format!(
            "!!! SKIPPED: `Pooler::Transaction` needs PgBouncer 1.21 or newer, found {major}.{minor}"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_27_readers_behind_any_pooler_miss_nothing_in_the_legacy_mode() {
    if tests::database::server().is_none() {
        return;
    }
    let Some(program) = Program::find_or_install() else { return };
    st_05_through(&program, Pooler::LegacyTransaction).await;
}

/// The same as [`Count`], in a table, by statements that sqlx gives names to.
struct Table;

impl PgProjection for Table {
    const NAME: &'static str = "in_table";
    const TABLES: &'static [&'static str] = &["counts"];
    type Event = Tally;

    fn create(tables: &Tables) -> Vec<String> {
        vec![format!(
            "CREATE TABLE {} (stream text PRIMARY KEY, events bigint NOT NULL)",
            tables.name("counts")
        )]
    }

    async fn apply(
        events: &[Recorded<Tally>],
        tables: &Tables,
        connection: &mut PgConnection,
    ) -> Result<(), sqlx::Error> {
        let sql = format!(
            "INSERT INTO {} AS c VALUES ($1, 1) ON CONFLICT (stream) DO UPDATE SET events = c.events + 1",
            tables.name("counts")
        );
        for event in events {
            let count = sqlx::query(AssertSqlSafe(sql.clone())).bind(event.stream.to_string());
            count.execute(&mut *connection).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_27_read_models_are_kept_behind_any_pooler_in_the_legacy_mode() {
    const ROUNDS: u64 = 5;
    let Some(server) = private_server(Settings::new()) else { return };
    let Some(program) = Program::find_or_install() else { return };
    let bouncer = Bouncer::start(&program, &server, POOL).await;
    let mut stores = Vec::new();
    for _ in 0..3 {
        let options = options(&bouncer.url("postgres")).pooler(Pooler::LegacyTransaction);
        stores.push(options.inline::<Count>().unwrap().open().await.unwrap());
    }
    let stream = tally::stream("s");
    for number in 0..ROUNDS {
        for (writer, store) in (0..).zip(&stores) {
            store.append(tally::append(&stream, number * 3 + writer)).await.unwrap();
            let view = store.inline_view::<Count>(&stream.to_string()).await.unwrap().unwrap();
            assert_eq!(view.events, number * 3 + writer + 1);
            let app = App::new(store.clone()).projector(projector::<Table>(store).unwrap());
            app.catch_up().await.unwrap();
        }
    }
    let mut direct = connect(&server.url("postgres")).await;
    let counted = super::scene::number(&mut direct, "SELECT events FROM counts").await;
    assert_eq!(counted.cast_unsigned(), ROUNDS * 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_27_a_pool_that_is_too_small_is_refused_with_the_reason() {
    let Some(server) = private_server(Settings::new()) else { return };
    let Some(program) = Program::find_or_install() else { return };
    let bouncer = Bouncer::start(&program, &server, 1).await;
    let options = options(&bouncer.url("postgres")).pooler(Pooler::LegacyTransaction);
    let outcome = options.connect_timeout(Duration::from_millis(500)).open().await;
    let Err(StoreError::Unavailable { reason, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("at least two connections"), "{reason}");
}
