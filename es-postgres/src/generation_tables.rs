//! The tables of generations: made, compared, swapped and dropped, each in one fenced transaction.

use crate::checkpoints::{bind_grant, bind_move, swapped};
use crate::errors::{Failed, corrupt};
use crate::rows::{count, value};
use crate::session::{Query, fetch};
use crate::{PostgresStore, Tables, sql};
use es_core::{CommitError, Comparison, Cursor, Difference, Generation, GenerationId, Grant, StoreError};
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Duration;

/// How long a swap waits for readers of the live table; who comes to read meanwhile waits behind it.
const SWAP_LOCK_MS: &str = "200";
/// How often a swap is tried.
const SWAPS_MAX: u32 = 100;
/// The longest pause between two swaps.
const SWAP_PAUSE_MAX: Duration = Duration::from_millis(250);
/// The shortest idle time-out of a transaction: a pause of the scheduler's is no reason to end it.
const IDLE_MIN: Duration = Duration::from_millis(100);

/// What a swap does with a live table that no generation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unowned {
    Refused,
    /// It is replaced, if it is empty: the application's migrations made it for this read model.
    Taken,
}

/// Why a swap did not happen.
enum NotSwapped {
    /// Somebody reads the table, or has just begun the first live generation.
    Busy(Failed),
    Ended(CommitError),
}

impl From<Failed> for NotSwapped {
    fn from(failed: Failed) -> Self {
        Self::Ended(failed.into())
    }
}

impl From<CommitError> for NotSwapped {
    fn from(error: CommitError) -> Self {
        Self::Ended(error)
    }
}

impl From<StoreError> for NotSwapped {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}

impl PostgresStore {
    /// Makes the tables of the generation that was granted, where they do not exist.
    pub(crate) async fn create_tables(
        &self,
        grant: &Grant,
        declared: &[&str],
        statements: Vec<String>,
    ) -> Result<(), CommitError> {
        Tables::check(declared)?;
        let (store, grant, names) = (self.clone(), grant.clone(), Tables::of(grant).names(declared));
        self.connections()
            .transaction(move |connection| Box::pin(create(store, connection, grant, names, statements)))
            .await
    }

    /// Does what [`swap`](es_core::CheckpointStore::swap) does, and puts the building tables in the place of the live
    /// ones in the same transaction. It waits for readers only for moments, and tries again.
    pub(crate) async fn swap_tables(
        &self,
        grant: &Grant,
        declared: &[&str],
        unowned: Unowned,
    ) -> Result<(), CommitError> {
        Tables::check(declared)?;
        for attempt in 1.. {
            let (store, grant) = (self.clone(), grant.clone());
            let names = declared.iter().map(ToString::to_string).collect();
            match self
                .connections()
                .transaction(move |connection| Box::pin(swap(store, connection, grant, names, unowned)))
                .await
            {
                Ok(()) => break,
                Err(NotSwapped::Busy(_)) if attempt < SWAPS_MAX => {
                    tokio::time::sleep(SWAP_PAUSE_MAX.mul_f64(fastrand::f64())).await;
                }
                Err(NotSwapped::Busy(failed)) => return Err(StoreError::from(failed).into()),
                Err(NotSwapped::Ended(error)) => return Err(error),
            }
        }
        self.drop_views().await;
        Ok(())
    }

    /// Does what [`discard`](es_core::CheckpointStore::discard) does, and drops the building tables in the same
    /// transaction.
    pub(crate) async fn discard_tables(&self, grant: &Grant, declared: &[&str]) -> Result<(), CommitError> {
        Tables::check(declared)?;
        let (store, grant, names) = (self.clone(), grant.clone(), Tables::of(grant).names(declared));
        self.connections()
            .transaction(move |connection| Box::pin(discard(store, connection, grant, names)))
            .await?;
        self.drop_views().await;
        Ok(())
    }

    /// Compares the tables that are building with the live ones, row by row.
    pub(crate) async fn compare_tables(
        &self,
        live: &Generation,
        grant: &Grant,
        declared: &[&str],
    ) -> Result<Comparison, StoreError> {
        let building = Tables::of(grant);
        let mut compared = 0;
        for table in declared {
            let store = self.clone();
            let query = once(sql::compare_tables(table, &building.name(table)));
            let [live_rows, building_rows, only_live, only_building] = self
                .connections()
                .long_transaction(move |connection| Box::pin(counts(store, connection, query)))
                .await?;
            compared += live_rows;
            if only_live + only_building > 0 {
                let said = |rows: u64, only: u64| Some(format!("{rows} rows, {only} of them only here"));
                return Ok(Comparison::Different(Difference {
                    key: (*table).to_owned(),
                    live: said(live_rows, only_live),
                    rebuilt: said(building_rows, only_building),
                }));
            }
        }
        Ok(Comparison::Identical { compared, position: live.position() })
    }
}

/// Lets nobody else make the tables of the generation meanwhile, as the owner of another shard might, and says whether no
/// shard has begun. It comes before the checkpoint, as in all that locks both.
pub(crate) async fn hold_generation(
    store: &PostgresStore,
    connection: &mut PgConnection,
    grant: &Grant,
) -> Result<bool, CommitError> {
    let query = sqlx::query(store.sql().hold_generation.clone()).bind(grant.generation.value());
    let rows = fetch(connection, query).await.map_err(StoreError::from)?;
    let held = rows.first().ok_or_else(|| grant.fenced())?;
    Ok(value(held, 0)?)
}

/// Compares the epoch and moves the checkpoint; the transaction must not be idle for longer than the lease. Gives the
/// transaction's number.
pub(crate) async fn begin_and_move(
    store: &PostgresStore,
    connection: &mut PgConnection,
    grant: &Grant,
    to: Option<Cursor>,
) -> Result<String, CommitError> {
    let query = bind_move(sqlx::query(store.sql().move_and_hold.clone()), grant, to)?;
    let query = query.bind(idle_ms(store, grant));
    let rows = fetch(connection, query).await.map_err(StoreError::from)?;
    let moved = rows.first().ok_or_else(|| grant.fenced())?;
    Ok(value(moved, 2)?)
}

/// The idle time-out of a transaction that `grant` allows: others wait for its lock when the lease is over.
pub(crate) fn idle_ms(store: &PostgresStore, grant: &Grant) -> String {
    let idle = (grant.lease.duration / 2).max(IDLE_MIN).min(store.idle_in_transaction_timeout());
    idle.as_millis().clamp(1, i32::MAX as u128).to_string()
}

/// Refuses to commit where a statement has failed and was passed over, or the transaction has been ended: PostgreSQL
/// would say yes to the commit, and roll back.
pub(crate) async fn still_open(
    store: &PostgresStore,
    connection: &mut PgConnection,
    transaction: &str,
) -> Result<(), CommitError> {
    let query = sqlx::query(store.sql().still_open.clone()).bind(transaction.to_owned());
    let rows = fetch(connection, query).await.map_err(StoreError::from)?;
    if rows.first().map(|row| value(row, 0)).transpose()? == Some(true) {
        return Ok(());
    }
    let ended = "the projection's SQL has ended the transaction it runs in: leave COMMIT and ROLLBACK out";
    Err(StoreError::Unusable(ended.into()).into())
}

async fn create(
    store: PostgresStore,
    connection: &mut PgConnection,
    grant: Grant,
    names: Vec<String>,
    statements: Vec<String>,
) -> Result<(), CommitError> {
    begin_and_move(&store, connection, &grant, grant.cursor).await?;
    let found = owned(&store, connection, &names, Some(grant.generation), Unowned::Refused).await?;
    if found == names.len() {
        return Ok(());
    }
    // They are made in one transaction, before the first event: all of them exist, or none.
    if found > 0 || grant.cursor.is_some() {
        return Err(missing(&names).into());
    }
    for text in statements {
        run(connection, text).await.map_err(StoreError::from)?;
    }
    own(&store, connection, grant.generation, &names).await?;
    let made = owned(&store, connection, &names, Some(grant.generation), Unowned::Refused).await?;
    if made == names.len() { Ok(()) } else { Err(missing(&names).into()) }
}

/// A table that was dropped would be made again without what it had.
pub(crate) fn missing(names: &[String]) -> StoreError {
    StoreError::Unusable(format!("a table of this read model is missing, expected {names:?}: rebuild it"))
}

/// How many of these tables exist. All of them must be `generation`'s own: another projection's, another version's, or
/// the application's are neither written nor dropped.
pub(crate) async fn owned(
    store: &PostgresStore,
    connection: &mut PgConnection,
    names: &[String],
    generation: Option<GenerationId>,
    unowned: Unowned,
) -> Result<usize, StoreError> {
    let query = sqlx::query(store.sql().existing_tables.clone()).bind(names.to_vec());
    let found = fetch(connection, query).await?;
    for row in &found {
        let (name, owner): (&str, Option<i64>) = (value(row, 0)?, value(row, 1)?);
        let is_mine = owner.is_some() && owner == generation.map(GenerationId::value);
        let may_take = owner.is_none() && unowned == Unowned::Taken && is_empty(connection, name).await?;
        if !is_mine && !may_take {
            return Err(StoreError::Unusable(format!(
                "the table `{name}` exists already and is not this read model's: \
                 give the projection, or its new version, tables of other names, or drop it"
            )));
        }
    }
    Ok(found.len())
}

async fn is_empty(connection: &mut PgConnection, table: &str) -> Result<bool, StoreError> {
    let rows = fetch(connection, once(sql::is_empty(table))).await?;
    rows.first().map_or(Ok(false), |row| value(row, 0))
}

pub(crate) async fn own(
    store: &PostgresStore,
    connection: &mut PgConnection,
    generation: GenerationId,
    names: &[String],
) -> Result<(), StoreError> {
    let query = sqlx::query(store.sql().own_tables.clone()).bind(generation.value()).bind(names.to_vec());
    fetch(connection, query).await?;
    Ok(())
}

async fn disown(
    store: &PostgresStore,
    connection: &mut PgConnection,
    generations: impl IntoIterator<Item = GenerationId>,
) -> Result<(), StoreError> {
    let generations: Vec<_> = generations.into_iter().map(GenerationId::value).collect();
    fetch(connection, sqlx::query(store.sql().disown_tables.clone()).bind(generations)).await?;
    Ok(())
}

async fn swap(
    store: PostgresStore,
    connection: &mut PgConnection,
    grant: Grant,
    names: Vec<String>,
    unowned: Unowned,
) -> Result<(), NotSwapped> {
    let query = bind_grant(sqlx::query(store.sql().swap_tables.clone()), &grant)?.bind(SWAP_LOCK_MS);
    let rows = fetch(connection, query).await.map_err(busy)?;
    swapped(&grant, rows.first())?;
    let replaced = rows.first().map(|row| value::<Option<i64>>(row, 1)).transpose()?.flatten();
    let replaced = replaced.map(GenerationId::new);
    owned(&store, connection, &names, replaced, unowned).await?;
    let building = Tables::of(&grant);
    for name in &names {
        run(connection, sql::replace_table(name, &building.name(name))).await.map_err(busy)?;
    }
    disown(&store, connection, replaced.into_iter().chain([grant.generation])).await?;
    own(&store, connection, grant.generation, &names).await?;
    Ok(())
}

fn busy(failed: Failed) -> NotSwapped {
    if failed.is_lock_timeout() || failed.is_collision() || failed.is_lost_race() {
        return NotSwapped::Busy(failed);
    }
    NotSwapped::Ended(StoreError::from(failed).into())
}

async fn discard(
    store: PostgresStore,
    connection: &mut PgConnection,
    grant: Grant,
    names: Vec<String>,
) -> Result<(), CommitError> {
    let query = bind_grant(sqlx::query(store.sql().discard.clone()), &grant)?;
    let discarded = fetch(connection, query).await.map_err(StoreError::from)?;
    discarded.first().ok_or_else(|| grant.fenced())?;
    owned(&store, connection, &names, Some(grant.generation), Unowned::Refused).await?;
    for name in &names {
        run(connection, sql::drop_table(name)).await.map_err(StoreError::from)?;
    }
    Ok(disown(&store, connection, [grant.generation]).await?)
}

async fn counts(
    store: PostgresStore,
    connection: &mut PgConnection,
    query: Query,
) -> Result<[u64; 4], StoreError> {
    fetch(connection, sqlx::query(store.sql().no_time_limit.clone())).await?;
    let rows = fetch(connection, query).await?;
    let row = rows.first().ok_or_else(|| corrupt("a comparison has no row"))?;
    Ok([count(row, 0)?, count(row, 1)?, count(row, 2)?, count(row, 3)?])
}

/// Runs statements without parameters. The text is the application's own, or made of checked names.
pub(crate) async fn run(connection: &mut PgConnection, text: String) -> Result<(), Failed> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map_err(Failed::under_way)?;
    Ok(())
}

/// A statement whose text will not come again.
pub(crate) fn once(text: String) -> Query {
    sqlx::query(AssertSqlSafe(text)).persistent(false)
}
