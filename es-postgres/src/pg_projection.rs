//! [`PgProjection`]: a read model in tables of its own, written by its own SQL.

use crate::Tables;
use es_core::{Event, Filter, OnFailure, Recorded};
use sqlx::PgConnection;
use std::time::Duration;

/// A read model in SQL tables, each event of which is applied exactly once.
///
/// Its statements run in the transaction that moves the checkpoint, behind the one that compares the epoch. So an owner
/// that was replaced writes nothing, and what fails leaves nothing behind. Await nothing in [`apply`](Self::apply) but
/// the database, and neither commit nor roll back; a `begin` there makes a savepoint. What it writes must come from the
/// events alone, no clock, no sequence and no other table: then a rebuild gives what live processing gave, and
/// [`check`](es_core::AnyProjector::check) can compare the two.
///
/// A generation that is building has tables of its own, whose names [`Tables`] knows. When it takes the place of the
/// live one, the live tables are dropped and the new ones get their names, in one transaction: a statement at READ
/// COMMITTED sees the old table or the new one. What hangs on the dropped table is not carried over: grants come back
/// by default privileges or in [`create`](Self::create), SQL views and foreign keys that point at it prevent the swap.
/// Indexes keep the names they were made with: make them of the table's physical name. Two versions that live side by
/// side need tables of different names. Tables are made in the first schema of the connection's `search_path`.
///
/// ```
/// use es_core::{Event, Recorded};
/// use es_postgres::sqlx::{self, PgConnection};
/// use es_postgres::{PgProjection, Tables};
/// # use std::marker::PhantomData;
/// struct Visits<E>(PhantomData<fn() -> E>);
///
/// impl<E: Event> PgProjection for Visits<E> {
///     const NAME: &'static str = "visits";
///     const TABLES: &'static [&'static str] = &["visits"];
///     type Event = E;
///
///     fn create(tables: &Tables) -> Vec<String> {
///         vec![format!("CREATE TABLE {} (stream text PRIMARY KEY, events bigint NOT NULL)", tables.name("visits"))]
///     }
///
///     async fn apply(
///         events: &[Recorded<E>],
///         tables: &Tables,
///         connection: &mut PgConnection,
///     ) -> Result<(), sqlx::Error> {
///         let visits = tables.name("visits");
///         let sql = format!(
///             "INSERT INTO {visits} AS v SELECT stream, count(*) FROM unnest($1::text[]) AS e (stream) GROUP BY stream
///             ON CONFLICT (stream) DO UPDATE SET events = v.events + excluded.events"
///         );
///         let streams: Vec<_> = events.iter().map(|event| event.stream.as_str()).collect();
///         sqlx::query(sqlx::AssertSqlSafe(sql)).bind(streams).execute(connection).await?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a projection in SQL",
    note = "write `impl PgProjection for {Self} {{ … }}` with its tables and what a batch of events does to them"
)]
pub trait PgProjection: Send + Sync + 'static {
    /// Its name for ever: lower case letters, digits, `_` and `.`.
    const NAME: &'static str;
    /// Its version: another one is built from the beginning of the log.
    const VERSION: u32 = 1;
    /// What becomes of an event that it cannot take: that cannot be decoded, that [`apply`](Self::apply) panics at or does not come
    /// back from, or whose values the server refuses: SQLSTATEs of the classes 21, 22, 23 and P0, so also `RAISE EXCEPTION` in a trigger. Where its
    /// key is parked, that is its stream. All else, such as a table that is missing, halts the projection in any case, or is
    /// tried again. Where an event is to blame and this does not halt, [`apply`](Self::apply) is called anew with each event
    /// of the batch alone.
    const ON_FAILURE: OnFailure = OnFailure::Halt;
    /// How long the transaction of a batch may take.
    const TIME_LIMIT: Duration = Duration::from_secs(120);
    /// The names of its live tables: lower case letters, digits and `_`, 41 bytes at most.
    const TABLES: &'static [&'static str];
    /// The events it reads.
    type Event: Event;

    /// Which events it is given; by default all that [`Event`](Self::Event) can read, see [`Filter::of`].
    fn filter() -> Filter {
        Filter::of::<Self::Event>()
    }

    /// The statements that make its tables, under their physical names.
    fn create(tables: &Tables) -> Vec<String>;

    /// Applies a batch of events, in the order of the log, by statements on `connection`, which is in a transaction.
    /// Values belong into parameters, never into the text.
    ///
    /// # Errors
    /// Whatever a statement failed with: nothing of the batch is written then. What other transactions caused is tried
    /// again, for values that were refused there is [`ON_FAILURE`](Self::ON_FAILURE), the rest halts the projector.
    fn apply(
        events: &[Recorded<Self::Event>],
        tables: &Tables,
        connection: &mut PgConnection,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}
