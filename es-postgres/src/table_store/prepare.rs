//! What a grant needs before anything is written by it.

use super::TableStore;
use crate::Tables;
use crate::generation_tables::{Unowned, begin_and_move, hold_generation, missing, own, owned, run};
use crate::session::fetch;
use crate::sql;
use es_core::{CommitError, GenerationState, Grant, Projection, StoreError};
use sqlx::PgConnection;
use std::sync::PoisonError;

impl<P: Projection> TableStore<P> {
    /// Makes ready what the grant needs, before anything is written by it.
    pub(super) async fn prepare(&self, grant: &Grant) -> Result<(), CommitError> {
        Tables::check(&[self.table()])?;
        let (this, granted) = (self.clone(), grant.clone());
        let connections = self.postgres().connections();
        connections
            .transaction(move |connection| {
                Box::pin(async move { this.prepare_in(connection, &granted).await })
            })
            .await?;
        let mut building = self.parts.building.lock().unwrap_or_else(PoisonError::into_inner);
        match grant.lease.of {
            GenerationState::Building => building.insert(grant.generation),
            GenerationState::Live | GenerationState::Kept => building.remove(&grant.generation),
        };
        Ok(())
    }

    async fn prepare_in(&self, connection: &mut PgConnection, grant: &Grant) -> Result<(), CommitError> {
        let postgres = self.postgres();
        let is_new = hold_generation(postgres, connection, grant).await?;
        begin_and_move(postgres, connection, grant, grant.cursor).await?;
        let query = sqlx::query(postgres.sql().columns.clone()).bind(self.table().to_owned());
        self.learn(&fetch(connection, query).await.map_err(StoreError::from)?)?;
        let names = Tables::of(grant).names(&[self.table()]);
        let unowned = match grant.lease.of {
            GenerationState::Live if is_new => Unowned::Taken,
            _ => Unowned::Refused,
        };
        let found = owned(postgres, connection, &names, Some(grant.generation), unowned).await?;
        if found == 0 {
            match grant.lease.of {
                _ if is_new => {}
                GenerationState::Live => return Err(missing(&names).into()),
                // It can still be discarded; who goes on with it finds out by writing.
                GenerationState::Building | GenerationState::Kept => return Ok(()),
            }
            run(connection, sql::like_table(self.table(), &names[0])).await.map_err(StoreError::from)?;
        }
        Ok(own(postgres, connection, grant.generation, &names).await?)
    }
}
