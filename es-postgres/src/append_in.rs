//! [`PostgresStore::append_in`]: an append in a transaction of the user's own.

use crate::batch::{Batch, Verdict};
use crate::errors::Failed;
use crate::inline_append::NotStored;
use crate::known::names_one_id_twice;
use crate::look_up::{InTransaction, answer_known};
use crate::session::fetch;
use crate::{PostgresStore, sql};
use es_core::{Append, AppendError, Appended, StoreError};
use sqlx::PgConnection;

impl PostgresStore {
    /// Appends in a transaction of your own, so that the events commit together with what else you write in this
    /// database. The outcome holds only if you commit.
    ///
    /// **All readers of the store wait until you commit or roll back**, since nobody knows before whether these events
    /// exist: keep the transaction short, and await nothing in it but the database. If it does nothing for the
    /// [idle time-out](crate::PostgresOptions::idle_in_transaction_timeout), which this call sets for it, the server
    /// ends it. The transaction must be at READ COMMITTED. Call [`committed`](Self::committed) after the commit, or
    /// readers find the events when they poll.
    ///
    /// # Errors
    /// As [`append_all`](es_core::EventStore::append_all). [`AppendError::Conflict`] leaves the transaction usable. When
    /// another writer is first while this call waits for it, PostgreSQL ends the transaction: that is
    /// [`StoreError::Unavailable`], and the whole transaction has to be run again.
    pub async fn append_in(
        &self,
        transaction: &mut PgConnection,
        appends: Vec<Append>,
    ) -> Result<Vec<Appended>, AppendError> {
        self.limits().check(&appends)?;
        if appends.is_empty() {
            return Ok(Vec::new());
        }
        let verdict = if names_one_id_twice(&appends) {
            Verdict::Known(None)
        } else if self.inlines().want(&appends) {
            self.append_and_fold_in(transaction, &appends).await?
        } else {
            self.send_in(transaction, &appends).await.map_err(in_transaction)??
        };
        match verdict {
            Verdict::Written(answers) => Ok(answers),
            Verdict::Refused(error) => Err(error),
            Verdict::Known(seen) => {
                let mut asks = InTransaction { connection: transaction, pooler: self.pooler() };
                answer_known(&mut asks, self.sql(), &appends, seen).await
            }
        }
    }

    /// Tells readers at once that a transaction with an [`append_in`](Self::append_in) has committed.
    pub fn committed(&self) {
        self.wake().appended(None);
    }

    /// Appends in a savepoint: what an inline projection refuses must not be stored, also if the user commits.
    async fn append_and_fold_in(
        &self,
        transaction: &mut PgConnection,
        appends: &[Append],
    ) -> Result<Verdict, StoreError> {
        let run = async |transaction: &mut PgConnection, text| {
            fetch(transaction, self.pooler().prepared(sqlx::query(text))).await.map_err(StoreError::from)
        };
        run(&mut *transaction, sql::SAVEPOINT).await?;
        match self.append_and_fold(&mut *transaction, appends).await {
            Ok(verdict) => {
                run(transaction, sql::RELEASE_SAVEPOINT).await?;
                Ok(verdict)
            }
            Err(NotStored::Refused(error)) => {
                run(transaction, sql::ROLLBACK_TO_SAVEPOINT).await?;
                Err(error)
            }
            Err(NotStored::Sql(failed)) => Err(in_transaction(failed)),
        }
    }

    /// The statement that appends, in a transaction.
    pub(crate) async fn send_in(
        &self,
        transaction: &mut PgConnection,
        appends: &[Append],
    ) -> Result<Result<Verdict, StoreError>, Failed> {
        let batch = Batch::alone(appends);
        let idle = self.idle_in_transaction_timeout().as_millis().clamp(1, i32::MAX as u128);
        let query = batch.bind(self.sql().append_in.clone()).bind(idle.to_string());
        let rows = fetch(transaction, self.pooler().prepared(query)).await?;
        let only = |verdicts: Vec<Verdict>| verdicts.into_iter().next().ok_or_else(not_answered);
        Ok(batch.verdicts(rows.first()).and_then(only))
    }
}

/// The outcome is the transaction's: an error of this statement has undone it.
fn in_transaction(failed: Failed) -> StoreError {
    if !failed.is_lost_race() {
        return failed.into();
    }
    let reason = "another writer was first: roll back and run the transaction again";
    StoreError::Unavailable { reason: reason.into(), source: None }
}

fn not_answered() -> StoreError {
    StoreError::Corrupt("an append was not answered".into())
}
