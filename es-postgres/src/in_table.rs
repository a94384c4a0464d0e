//! [`in_table`]: the views of a [`Projection`] in the columns of a table.

use crate::checkpoints::bind_move;
use crate::errors::{Failed, UNDEFINED_TABLE};
use crate::generation_tables::{idle_ms, missing};
use crate::letters;
use crate::rows::value;
use crate::session::fetch;
use crate::table_store::TableStore;
use crate::view_rows::{json_rows, not_given_back, restored};
use crate::views::findable;
use crate::{PostgresStore, Tables};
use es_core::{
    Commit, CommitError, GenerationState, InvalidName, Projection, Projector, StoreError, ViewWrite,
};
use sqlx::PgConnection;

/// A projector of `P` that keeps its views in the columns of `table`: one row for each view, one column for each field.
///
/// The table is made by your own migrations. It has a column `key` with a unique index, of any type that the text of
/// `P`'s keys can be read as, and a column for each field of the view, named as in its JSON; fields that are no plain
/// value go into `json` columns, or arrays. Columns that the view does not have are left alone and need a default, or
/// to be null; none may be `serial`, whose sequence would go with the table, where an identity column is fine.
/// `key text COLLATE "C" PRIMARY KEY` is best: other keys are sorted anew for each page of [`list`](Projector::list).
///
/// What was written is compared with what the table then has, in the same transaction: a value that does not come back
/// as it was (a rounded number, a cut time, a key in another case) halts the projector and changes nothing.
///
/// All programs must keep `P` in the same table: its checkpoint is one, wherever its views are.
///
/// A rebuild fills a table made `LIKE` it and takes its place: what
/// [`PgProjection`](crate::PgProjection) says about a swap is true here, and indexes get new names.
///
/// ```no_run
/// # use es_core::*;
/// # use es_postgres::PostgresStore;
/// # #[derive(Default, serde::Serialize, serde::Deserialize)] struct Balance { cents: i64 }
/// # #[derive(Event, serde::Serialize, serde::Deserialize)] #[event(prefix = "account")] enum AccountEvent { Opened }
/// # impl Projection for Balance {
/// #     const NAME: &'static str = "balances";
/// #     type Event = AccountEvent;
/// #     type Key = String;
/// #     fn keys(event: &Recorded<AccountEvent>) -> Result<impl IntoIterator<Item = String>, KeyError> {
/// #         Ok([event.stream.key().to_owned()])
/// #     }
/// #     fn project(&mut self, _: &Recorded<AccountEvent>) -> Fate { Fate::Keep }
/// # }
/// # async fn example(store: PostgresStore) -> Result<(), Box<dyn std::error::Error>> {
/// // CREATE TABLE balances (key text COLLATE "C" PRIMARY KEY, cents bigint NOT NULL)
/// let balances = es_postgres::in_table::<Balance>(&store, "balances")?;
/// let app = App::new(store).projector(balances.any().clone());
/// app.catch_up().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`InvalidName`] when `P::NAME` leaves the alphabet of names. A table that does not fit is found when the projector
/// begins, before anything is written.
pub fn in_table<P: Projection>(store: &PostgresStore, table: &str) -> Result<Projector<P>, InvalidName> {
    Projector::try_new(TableStore::<P>::new(store.clone(), table)?)
}

impl<P: Projection> TableStore<P> {
    /// The views with these keys, in their order.
    pub(crate) async fn load_from(
        &self,
        table: &str,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        let text = self.shape().await?.load(table);
        let query =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(keys.iter().map(findable).collect::<Vec<_>>());
        let rows = self.rows_of(table, query).await?;
        let mut views = vec![None; keys.len()];
        for row in &rows {
            let place = usize::try_from(value::<i64>(row, 0)?).ok().and_then(|place| place.checked_sub(1));
            let asked = place.and_then(|place| Some((keys.get(place)?, views.get_mut(place)?)));
            let Some((asked, view)) = asked else { continue };
            let found: &str = value(row, 1)?;
            if found != asked {
                return Err(self.other_key(asked, found));
            }
            *view = Some(self.view_of(value(row, 2)?)?);
        }
        Ok(views)
    }

    /// Writes a batch and looks at what the table made of it before it is committed.
    pub(crate) async fn write(&self, commit: Commit) -> Result<(), CommitError> {
        if commit.writes.is_empty() {
            return es_core::CheckpointStore::commit(self.postgres(), commit).await;
        }
        self.shape().await?;
        let (this, building) = (self.clone(), commit.grant.lease.of == GenerationState::Building);
        let grant = commit.grant.clone();
        let written = self
            .postgres()
            .connections()
            .transaction(move |connection| Box::pin(async move { this.write_in(connection, commit).await }))
            .await;
        match written {
            Ok(()) => Ok(()),
            Err(NotWritten::Ended(error)) => Err(error),
            // The table was dropped with its generation, or by hand.
            Err(NotWritten::Sql(failed)) if building && failed.code().as_deref() == Some(UNDEFINED_TABLE) => {
                let names = Tables::of(&grant).names(&[self.table()]);
                let stay = Commit::new(grant.clone(), grant.cursor);
                es_core::CheckpointStore::commit(self.postgres(), stay).await?;
                Err(missing(&names).into())
            }
            Err(NotWritten::Sql(failed)) => Err(self.refused(failed).into()),
        }
    }

    async fn write_in(&self, connection: &mut PgConnection, commit: Commit) -> Result<(), NotWritten> {
        let Commit { grant, to, writes, letters } = commit;
        let shape = self.shape().await?;
        let (gone, kept): (Vec<_>, Vec<_>) = writes.into_iter().partition(|write| write.view.is_none());
        let gone: Vec<_> = gone.into_iter().map(|write| write.key).collect();
        let rows = json_rows(&kept, &shape.columns).map_err(|reason| self.unfit(&reason))?;
        let text = shape.write(&self.table_of(grant.generation), &self.postgres().sql().moving());
        let query = bind_move(sqlx::query(sqlx::AssertSqlSafe(text)), &grant, to)?;
        let query = query.bind(idle_ms(self.postgres(), &grant)).bind(gone).bind(rows);
        let rows = fetch(connection, query).await.map_err(NotWritten::Sql)?;
        if rows.is_empty() {
            return Err(grant.fenced().into());
        }
        let mut came_back = Vec::with_capacity(kept.len());
        for row in &rows {
            if let Some(key) = value::<Option<String>>(row, 0)? {
                came_back.push((key, self.view_of(value(row, 1)?)?));
            }
        }
        self.compare(&kept, came_back)?;
        if !letters.is_empty() {
            fetch(connection, letters::change(self.postgres().sql(), grant.generation, letters)?).await?;
        }
        Ok(())
    }

    /// What the table has now must be what was written.
    fn compare(&self, kept: &[ViewWrite], came_back: Vec<(String, String)>) -> Result<(), StoreError> {
        let mut found: std::collections::HashMap<_, _> = came_back.into_iter().collect();
        for ViewWrite { key, view } in kept {
            let written = view.as_deref().unwrap_or_default();
            let Some(found) = found.remove(key) else {
                return Err(self.unfit(&format!("the key `{}` is another one there", key.escape_debug())));
            };
            if let Some(reason) = not_given_back::<P>(written, &found) {
                return Err(self.unfit(&format!("{reason}, for the key `{}`", key.escape_debug())));
            }
        }
        Ok(())
    }

    /// A row's JSON as the view's: a field that the view leaves out when it has no value is null in the table.
    pub(crate) fn view_of(&self, row: &str) -> Result<String, StoreError> {
        restored(row, self.always()).map_err(|reason| self.unfit(&reason))
    }

    fn other_key(&self, asked: &str, found: &str) -> StoreError {
        let (asked, found) = (asked.escape_debug(), found.escape_debug());
        self.unfit(&format!("the key `{asked}` is `{found}` there"))
    }

    /// An error of the server, without the values that it may repeat.
    pub(crate) fn refused(&self, failed: Failed) -> StoreError {
        let code = failed.code().map(|code| code.into_owned()).unwrap_or_default();
        if !["21", "22", "23", "42"].iter().any(|class| code.starts_with(class)) {
            return failed.into();
        }
        self.unfit(&failed.refusal())
    }

    pub(crate) fn unfit(&self, reason: &str) -> StoreError {
        let table = self.table();
        StoreError::Unusable(format!("the table `{table}` does not fit the views of {}: {reason}", self.id()))
    }
}

/// Why a batch was not written.
enum NotWritten {
    Sql(Failed),
    Ended(CommitError),
}

/// The failure of the transaction as a whole.
impl From<Failed> for NotWritten {
    fn from(failed: Failed) -> Self {
        Self::Ended(failed.into())
    }
}

impl From<CommitError> for NotWritten {
    fn from(error: CommitError) -> Self {
        Self::Ended(error)
    }
}

impl From<StoreError> for NotWritten {
    fn from(error: StoreError) -> Self {
        Self::Ended(error.into())
    }
}
