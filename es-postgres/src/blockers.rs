//! [`Blocker`].

use crate::PostgresStore;
use crate::rows::{count, value};
use es_core::{Position, StoreError};
use sqlx::postgres::PgRow;
use std::time::Duration;

/// An open transaction that has begun to append: readers are given nothing above it until it ends.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Blocker {
    /// The server process that has the transaction; none for a prepared one.
    pub pid: Option<i32>,
    /// The name of a prepared transaction, which ends by `COMMIT PREPARED` or `ROLLBACK PREPARED`.
    pub gid: Option<String>,
    /// Who runs it, as it named itself when connecting.
    pub application: Option<String>,
    /// What it does now, in PostgreSQL's words; hidden from roles without `pg_read_all_stats`.
    pub state: Option<String>,
    /// For how long it has been open, where that can be seen.
    pub age: Option<Duration>,
    /// Readers are given nothing above this position.
    pub above: Position,
}

impl PostgresStore {
    /// Who holds readers back, the one that holds them most first. A moment's append is among them; one that stays for
    /// seconds is a transaction that somebody forgot. To see those of other roles, this one needs `pg_read_all_stats`.
    ///
    /// # Errors
    /// [`StoreError`] when the server cannot be asked.
    pub async fn blockers(&self) -> Result<Vec<Blocker>, StoreError> {
        let rows = self.connections().rows(sqlx::query(self.sql().blockers.clone())).await?;
        rows.iter().map(blocker).collect()
    }
}

fn blocker(row: &PgRow) -> Result<Blocker, StoreError> {
    let age_ms: Option<f64> = value(row, 4)?;
    Ok(Blocker {
        pid: value(row, 0)?,
        gid: value(row, 1)?,
        application: value(row, 2)?,
        state: value(row, 3)?,
        age: age_ms.map(|ms| Duration::from_secs_f64((ms / 1_000.0).max(0.0))),
        above: Position::new(count(row, 5)?),
    })
}
