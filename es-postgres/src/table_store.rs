//! [`TableStore`]: a store that keeps the views of one projection in a table of the application's.

use crate::PostgresStore;
use crate::errors::UNDEFINED_TABLE;
use crate::generation_tables::Unowned;
use crate::rows::{sql_limit, value};
use crate::session::Query;
use crate::sql::Shape;
use crate::view_fields::view_fields;
use crate::views::without_zero;
use crate::{Tables, view_rows};
use async_trait::async_trait;
use es_core::*;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

mod prepare;

/// Does what the store does, but for the views of `P`.
pub(crate) struct TableStore<P> {
    parts: Arc<Parts>,
    projects: PhantomData<fn() -> P>,
}

struct Parts {
    postgres: PostgresStore,
    id: ProjectionId,
    table: String,
    /// The fields that every view has.
    always: Vec<String>,
    shape: Mutex<Option<Arc<Shape>>>,
    /// The generations that were building when they were granted, and have been neither swapped nor discarded since.
    building: Mutex<HashSet<GenerationId>>,
}

impl<P> Clone for TableStore<P> {
    fn clone(&self) -> Self {
        Self { parts: Arc::clone(&self.parts), projects: PhantomData }
    }
}

impl<P: Projection> TableStore<P> {
    pub(crate) fn new(postgres: PostgresStore, table: &str) -> Result<Self, InvalidName> {
        let always = serde_json::to_string(&P::default()).unwrap_or_default();
        let always = view_rows::fields(&always).map(|fields| fields.into_keys().collect());
        let parts = Parts {
            postgres,
            id: ProjectionId::new(P::NAME, P::VERSION)?,
            table: table.to_owned(),
            always: always.unwrap_or_default(),
            shape: Mutex::default(),
            building: Mutex::default(),
        };
        Ok(Self { parts: Arc::new(parts), projects: PhantomData })
    }

    pub(crate) fn postgres(&self) -> &PostgresStore {
        &self.parts.postgres
    }

    pub(crate) fn id(&self) -> &ProjectionId {
        &self.parts.id
    }

    pub(crate) fn table(&self) -> &str {
        &self.parts.table
    }

    pub(crate) fn always(&self) -> &[String] {
        &self.parts.always
    }

    /// What the table of a generation is called.
    pub(crate) fn table_of(&self, generation: GenerationId) -> String {
        let building = self.parts.building.lock().unwrap_or_else(PoisonError::into_inner);
        let tables =
            if building.contains(&generation) { Tables::building(generation) } else { Tables::live() };
        tables.name(&self.parts.table)
    }

    /// What the table is made of, as it was when a lease was taken.
    pub(crate) async fn shape(&self) -> Result<Arc<Shape>, StoreError> {
        let known = self.parts.shape.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(shape) => Ok(shape),
            None => {
                Tables::check(&[self.table()])?;
                let query = sqlx::query(self.postgres().sql().columns.clone()).bind(self.table().to_owned());
                self.learn(&self.postgres().connections().rows(query).await?)
            }
        }
    }

    fn learn(&self, columns: &[PgRow]) -> Result<Arc<Shape>, StoreError> {
        let shape = Arc::new(self.shape_of(columns)?);
        *self.parts.shape.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&shape));
        Ok(shape)
    }

    /// Refuses a table that cannot hold the views.
    fn shape_of(&self, columns: &[PgRow]) -> Result<Shape, StoreError> {
        let view = view_fields::<P>().filter(|fields| !fields.is_empty());
        let Some(view) = view else {
            return Err(self.unfit("a view in a table is a struct with named fields"));
        };
        if view.contains(&"key") {
            return Err(
                self.unfit("a view in a table has no field `key`, which is the name of its key's column")
            );
        }
        if columns.is_empty() {
            return Err(self.unfit(&format!(
                "it does not exist, or is no ordinary table; expected the columns `key`, `{}`",
                view.join("`, `")
            )));
        }
        let mut shape = Shape { key_type: String::new(), key_is_ordered: false, columns: Vec::new() };
        let mut found = Vec::new();
        for column in columns {
            let (name, is_generated): (&str, bool) = (value(column, 0)?, value(column, 2)?);
            found.push(name);
            if value(column, 5)? {
                return Err(self.unfit(&format!(
                    "the column `{name}` takes its default from a sequence that a rebuild would drop with the table: \
                     make it an identity column"
                )));
            }
            if name == "key" && value(column, 3)? {
                shape.key_type = value(column, 1)?;
                shape.key_is_ordered = value(column, 4)?;
            } else if view.contains(&name) && !is_generated {
                shape.columns.push(name.to_owned());
            }
        }
        if shape.key_type.is_empty() {
            return Err(self.unfit("expected a column `key` with a unique index of its own"));
        }
        let without = self.always().iter().find(|field| !shape.columns.contains(field));
        match without {
            Some(field) => {
                let found = found.join("`, `");
                Err(self.unfit(&format!("expected a column `{field}` that can be written, found `{found}`")))
            }
            None => Ok(shape),
        }
    }

    async fn list(
        &self,
        table: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let query = sqlx::query(AssertSqlSafe(self.shape().await?.list(table)))
            .bind(after.map(without_zero))
            .bind(sql_limit(limit));
        let rows = self.rows_of(table, query).await?;
        rows.iter().map(|row| Ok((value(row, 0)?, self.view_of(value(row, 1)?)?))).collect()
    }

    /// The rows of a query on this table; a building one that was dropped with its generation has none.
    pub(crate) async fn rows_of(&self, table: &str, query: Query) -> Result<Vec<PgRow>, StoreError> {
        match self.postgres().connections().rows(query).await {
            Err(failed) if table != self.table() && failed.code().as_deref() == Some(UNDEFINED_TABLE) => {
                Ok(Vec::new())
            }
            rows => rows.map_err(|failed| self.refused(failed)),
        }
    }
}

#[async_trait]
impl<P: Projection> CheckpointStore for TableStore<P> {
    async fn acquire(&self, projection: &ProjectionId, lease: Lease) -> Result<Option<Grant>, StoreError> {
        let Some(grant) = self.postgres().acquire(projection, lease).await? else { return Ok(None) };
        match self.prepare(&grant).await {
            Ok(()) => Ok(Some(grant)),
            Err(CommitError::Store(error)) => {
                let cause = format!("projection {projection} cannot begin: {error}");
                if error.is_transient() {
                    // Where the store is what is down, the error below says so.
                    let _ = self.postgres().failed(&grant, &cause).await;
                }
                let halt = (!error.is_transient()).then(|| Halt { position: grant.position(), cause });
                self.postgres().release(&grant, halt).await?;
                Err(error)
            }
            // Somebody else has it by now.
            Err(_) => Ok(None),
        }
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.write(commit).await
    }

    async fn release(&self, grant: &Grant, halt: Option<Halt>) -> Result<(), StoreError> {
        self.postgres().release(grant, halt).await
    }

    async fn failed(&self, grant: &Grant, cause: &str) -> Result<(), StoreError> {
        self.postgres().failed(grant, cause).await
    }

    async fn swap(&self, grant: &Grant) -> Result<(), CommitError> {
        self.postgres().swap_tables(grant, &[self.table()], Unowned::Taken).await?;
        self.parts.building.lock().unwrap_or_else(PoisonError::into_inner).remove(&grant.generation);
        Ok(())
    }

    async fn discard(&self, grant: &Grant) -> Result<(), CommitError> {
        self.postgres().discard_tables(grant, &[self.table()]).await?;
        self.parts.building.lock().unwrap_or_else(PoisonError::into_inner).remove(&grant.generation);
        Ok(())
    }

    async fn divide(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
        count: u16,
    ) -> Result<bool, StoreError> {
        self.postgres().divide(projection, state, count).await
    }

    async fn pause(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.postgres().pause(projection).await
    }

    async fn resume(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.postgres().resume(projection).await
    }

    async fn roll_back(&self, projection: &ProjectionId) -> Result<bool, StoreError> {
        self.postgres().roll_back(projection).await
    }

    async fn drop_generation(
        &self,
        projection: &ProjectionId,
        state: GenerationState,
    ) -> Result<bool, StoreError> {
        self.postgres().drop_generation(projection, state).await
    }

    async fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        self.postgres().generations().await
    }
}

#[async_trait]
impl<P: Projection> DeadLetterStore for TableStore<P> {
    async fn letters(
        &self,
        generation: GenerationId,
        after: Option<&LetterPlace>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.postgres().letters(generation, after, limit).await
    }

    async fn queues(&self, generation: GenerationId) -> Result<Vec<LetterQueue>, StoreError> {
        self.postgres().queues(generation).await
    }

    async fn discarded(&self, projection: &ProjectionId) -> Result<Vec<Discarded>, StoreError> {
        self.postgres().discarded(projection).await
    }
}

#[async_trait]
impl<P: Projection> ViewStore for TableStore<P> {
    async fn view(&self, projection: &ProjectionId, key: &str) -> Result<Option<String>, StoreError> {
        if projection != self.id() {
            return self.postgres().view(projection, key).await;
        }
        // The live table is what is not building.
        let mut views = self.load_from(self.table(), &[key.to_owned()]).await?;
        Ok(views.pop().flatten())
    }

    async fn views(
        &self,
        projection: &ProjectionId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        if projection != self.id() {
            return self.postgres().views(projection, after, limit).await;
        }
        self.list(self.table(), after, limit).await
    }

    async fn load_views(
        &self,
        generation: GenerationId,
        keys: &[String],
    ) -> Result<Vec<Option<String>>, StoreError> {
        self.load_from(&self.table_of(generation), keys).await
    }

    async fn generation_views(
        &self,
        generation: GenerationId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreError> {
        self.list(&self.table_of(generation), after, limit).await
    }
}

#[async_trait]
impl<P: Projection> SnapshotStore for TableStore<P> {
    async fn load(
        &self,
        stream: &StreamId,
        schema_version: u32,
    ) -> Result<(Option<Snapshot>, StreamPage), StoreError> {
        SnapshotStore::load(self.postgres(), stream, schema_version).await
    }

    async fn save(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        self.postgres().save(snapshot).await
    }

    async fn snapshots(
        &self,
        of: &SnapshotsOf,
        after: Option<&SnapshotPlace>,
        limit: usize,
    ) -> Result<Vec<KeptSnapshot>, StoreError> {
        self.postgres().snapshots(of, after, limit).await
    }

    async fn drop_snapshots(&self, places: &[SnapshotPlace]) -> Result<u64, StoreError> {
        self.postgres().drop_snapshots(places).await
    }
}

#[async_trait]
impl<P: Projection> EventStore for TableStore<P> {
    async fn append_all(&self, appends: Vec<Append>) -> Result<Vec<Appended>, AppendError> {
        self.postgres().append_all(appends).await
    }

    async fn read(&self, stream: &StreamId, range: StreamRange) -> Result<StreamPage, StoreError> {
        self.postgres().read(stream, range).await
    }

    async fn read_all(&self, after: Position, filter: &Filter, limit: usize) -> Result<LogPage, StoreError> {
        self.postgres().read_all(after, filter, limit).await
    }

    async fn head(&self) -> Result<Option<Cursor>, StoreError> {
        self.postgres().head().await
    }

    async fn predecessors(&self, events: &[&Recorded<Payload>]) -> Result<Vec<Version>, StoreError> {
        self.postgres().predecessors(events).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.postgres().event_id_at(position).await
    }

    async fn answered(&self, command_id: &CommandId) -> Result<Option<(StreamId, Appended)>, StoreError> {
        self.postgres().answered(command_id).await
    }

    fn wake_ups(&self) -> WakeUps {
        self.postgres().wake_ups()
    }
}
